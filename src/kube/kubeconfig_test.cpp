// SPDX-License-Identifier: Apache-2.0
#include "kube/kubeconfig.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/base64_encode.hpp"
#include "kube/dial.hpp"
#include "manifests/test_bench.hpp"

namespace porter::kube {
namespace {

using manifests::put;
using manifests::TemporaryFolder;

constexpr std::string_view kUsual = R"(
apiVersion: v1
kind: Config
current-context: lab
clusters:
- name: lab
  cluster:
    server: https://192.0.2.1:6443
    certificate-authority: pki/ca.crt
    tls-server-name: kubernetes
    proxy-url: http://proxy:3128
contexts:
- name: lab
  context: {cluster: lab, user: admin, namespace: shop}
- name: other
  context: {cluster: lab, user: robot}
users:
- name: admin
  user:
    client-certificate: /etc/admin.crt
    client-key: admin.key
- name: robot
  user: {tokenFile: ../robot.token}
)";

Result<Access> access_from(std::string_view text, const std::string& context = {}) {
  auto config = decode_kubeconfig(text, "/home/me/.kube/config");
  if (!config) return Failure<>{config.error()};
  return choose(*config, context, "the file");
}

// The error of a user with these fields.
std::string refusal_of_user(const std::string& fields) {
  const std::string text = fmt::format(
      "clusters: [{{name: c, cluster: {{server: 'https://c'}}}}]\n"
      "contexts: [{{name: x, context: {{cluster: c, user: u}}}}]\n"
      "current-context: x\nusers:\n- name: u\n  user: {}\n",
      fields);
  const auto access = access_from(text);
  return access ? "none" : access.error().message;
}

Environment environment(std::map<std::string, std::string> variables) {
  return Environment{.variables = std::move(variables)};
}

TEST(Kubeconfig, GivesClusterAndUserOfTheCurrentContext) {
  const auto access = access_from(kUsual);
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->cluster.server, "https://192.0.2.1:6443");
  EXPECT_EQ(access->cluster.authority.file, "/home/me/.kube/pki/ca.crt");
  EXPECT_EQ(access->cluster.tls_server_name, "kubernetes");
  EXPECT_EQ(access->cluster.proxy_url, "http://proxy:3128");
  EXPECT_EQ(access->user.certificate.file, "/etc/admin.crt");
  EXPECT_EQ(access->user.key.file, "/home/me/.kube/admin.key");
  EXPECT_EQ(access->ns, "shop");
  EXPECT_EQ(access->origin, "context lab of the file");
}

TEST(Kubeconfig, GivesAnotherContextWhenAsked) {
  const auto access = access_from(kUsual, "other");
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->user.token_file, "/home/me/robot.token");
  EXPECT_EQ(access->ns, "default");
}

TEST(Kubeconfig, SaysWhichContextsThereAre) {
  EXPECT_EQ(access_from(kUsual, "labb").error().message,
            "the file: context labb is not in it; there is lab, other");
  EXPECT_EQ(access_from("contexts: [{name: a, context: {}}]").error().message,
            "the file: current-context is not set; choose one with --context: there is a");
}

TEST(Kubeconfig, TakesDataBeforeAFile) {
  const std::string pem = "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n";
  const auto access = access_from(fmt::format(
      "current-context: x\ncontexts: [{{name: x, context: {{cluster: c}}}}]\n"
      "clusters: [{{name: c, cluster: {{server: 'https://c', certificate-authority: a.crt, "
      "certificate-authority-data: {}}}}}]\n",
      encode_base64(pem)));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->cluster.authority.text, pem);
  EXPECT_EQ(access->cluster.authority.file, "");
}

TEST(Kubeconfig, ReadsAPluginOfBothVersions) {
  const auto config = decode_kubeconfig(R"(
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: ./bin/login
      args: [token, "-i"]
      env: [{name: A, value: b}]
      interactiveMode: Never
      provideClusterInfo: true
      installHint: see https://login.example
- name: v
  user: {exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: login}}
)",
                                        "/k/config");
  ASSERT_TRUE(config) << config.error().message;
  const ExecPlugin& plugin = *config->users.at("u").exec;
  EXPECT_EQ(plugin.command, "/k/bin/login");
  EXPECT_EQ(plugin.arguments, (std::vector<std::string>{"token", "-i"}));
  EXPECT_EQ(plugin.environment.front().second, "b");
  EXPECT_EQ(plugin.interactive, ExecPlugin::Interactive::Never);
  EXPECT_TRUE(plugin.provide_cluster_info);
  const ExecPlugin& beta = *config->users.at("v").exec;
  EXPECT_EQ(beta.command, "login");
  EXPECT_EQ(beta.version, ExecPlugin::Version::V1beta1);
  EXPECT_EQ(beta.interactive, ExecPlugin::Interactive::IfAvailable);
}

TEST(Kubeconfig, NamesFileFieldAndWhatWouldBeRight) {
  EXPECT_EQ(decode_kubeconfig("users:\n- name: u\n  user: {token: 5}\n", "/k").error().message,
            "/k: line 3: users[u].user.token: must be a text; put it in quotes");
  EXPECT_EQ(refusal_of_user("{client-key-data: bm8gcGVt}"),
            "/home/me/.kube/config: line 6: users[u].user.client-key-data: must be PEM in base64");
  EXPECT_EQ(refusal_of_user("{client-key: a}"),
            "context x of the file: user u: client-certificate and client-key go together; one is "
            "missing");
  EXPECT_NE(refusal_of_user("{auth-provider: {name: gcp}}").find("use exec"), std::string::npos);
  EXPECT_NE(refusal_of_user("{exec: {command: a, apiVersion: client.authentication.k8s.io/v1}}")
                .find("interactiveMode: must be Never, IfAvailable or Always"),
            std::string::npos);
  EXPECT_NE(refusal_of_user("{token: a, username: b}").find("one of them is right"),
            std::string::npos);
  EXPECT_NE(decode_kubeconfig("a: [", "/k").error().message.find("/k: line "), std::string::npos);
  EXPECT_NE(decode_kubeconfig("kind: Pod", "/k").error().message.find("must be Config"),
            std::string::npos);
}

TEST(Kubeconfig, NeverRepeatsASecret) {
  for (const std::string fields :
       {"{token: [hunter2]}", "{password: {a: hunter2}}", "{client-key-data: hunter2}",
        "{client-key-data: [hunter2], token: hunter2}", "{exec: {command: a, env: [hunter2]}}"}) {
    const std::string words = refusal_of_user(fields);
    EXPECT_NE(words, "none") << fields;
    EXPECT_EQ(words.find("hunter2"), std::string::npos) << words;
  }
}

TEST(Kubeconfig, MergesFilesAsKubectlDoes) {
  const TemporaryFolder folder;
  put(folder / "a", "current-context: one\nusers: [{name: u, user: {token: first}}]\n");
  put(folder / "b",
      "current-context: two\nusers: [{name: u, user: {token: second}}]\n"
      "clusters: [{name: c, cluster: {server: 'https://c'}}]\n"
      "contexts: [{name: one, context: {cluster: c, user: u}}]\n");
  const std::string list = fmt::format("{}:{}:{}", (folder / "absent").string(),
                                       (folder / "a").string(), (folder / "b").string());
  const auto access = load_access({}, environment({{"KUBECONFIG", list}}));
  ASSERT_TRUE(access) << access.error().message;
  EXPECT_EQ(access->user.token, "first");
  EXPECT_EQ(access->cluster.server, "https://c");
}

TEST(Kubeconfig, AFileThatIsNamedMustBeThere) {
  const auto access = load_access({.kubeconfig = "/nowhere/config", .context = {}}, {});
  ASSERT_FALSE(access);
  EXPECT_EQ(access.error().message, "kubeconfig: /nowhere/config: no such file or directory");
}

TEST(Kubeconfig, SaysWhereItLookedWhenThereIsNoCluster) {
  const auto access = load_access({}, environment({{"HOME", "/nowhere"}}));
  ASSERT_FALSE(access);
  EXPECT_NE(access.error().message.find("looked at /nowhere/.kube/config"), std::string::npos);
  EXPECT_NE(access.error().message.find("--kubeconfig FILE"), std::string::npos);
}

TEST(InCluster, TakesThePodsServiceAccount) {
  const TemporaryFolder folder;
  put(folder / "token", "t");
  put(folder / "namespace", "porter-system\n");
  AccessOptions options;
  options.service_account_folder = folder.path().string();
  const auto v4 = load_access(options, environment({{"HOME", "/nowhere"},
                                                    {"KUBERNETES_SERVICE_HOST", "10.96.0.1"},
                                                    {"KUBERNETES_SERVICE_PORT", "443"}}));
  ASSERT_TRUE(v4) << v4.error().message;
  EXPECT_EQ(v4->cluster.server, "https://10.96.0.1:443");
  EXPECT_EQ(v4->cluster.authority.file, folder.path().string() + "/ca.crt");
  EXPECT_EQ(v4->ns, "porter-system");
  const auto v6 = load_access(options, environment({{"KUBERNETES_SERVICE_HOST", "fd00::1"},
                                                    {"KUBERNETES_SERVICE_PORT", "6443"}}));
  ASSERT_TRUE(v6) << v6.error().message;
  EXPECT_EQ(v6->cluster.server, "https://[fd00::1]:6443");
}

TEST(InCluster, SaysThatTheTokenIsNotMounted) {
  const TemporaryFolder folder;
  const auto access = in_cluster_access(
      folder.path().string(),
      environment({{"KUBERNETES_SERVICE_HOST", "10.96.0.1"}, {"KUBERNETES_SERVICE_PORT", "443"}}));
  ASSERT_FALSE(access);
  EXPECT_NE(access.error().message.find("automountServiceAccountToken"), std::string::npos);
}

TEST(ServerUrl, IsTakenApart) {
  const auto whole = parse_server("https://[2001:db8::1]:6443/k8s/clusters/c-1/");
  ASSERT_TRUE(whole);
  EXPECT_EQ(to_string(whole->at), "[2001:db8::1]:6443");
  EXPECT_EQ(whole->prefix, "/k8s/clusters/c-1");
  EXPECT_EQ(parse_server("https://host")->at.port, 443);
  EXPECT_EQ(parse_server("localhost:8080")->at, (HostPort{.host = "localhost", .port = 8080}));
  for (const std::string bad : {"", "https://", "ftp://a", "https://u:p@a", "https://a:0",
                                "https://a:66000", "https://a/?x", "https://a b"})
    EXPECT_FALSE(parse_server(bad)) << bad;
}

TEST(Proxy, ComesFromTheEnvironmentUnlessTheServerIsExempt) {
  const ServerUrl server = *parse_server("https://api.lab.example:6443");
  const auto proxied = [&](const std::string& no_proxy) {
    const auto proxy = proxy_for(
        server, environment({{"HTTPS_PROXY", "http://u:p%40@proxy:3128"}, {"no_proxy", no_proxy}}));
    return proxy && proxy->has_value();
  };
  EXPECT_TRUE(proxied(""));
  EXPECT_TRUE(proxied("example.org, lab.example:443,192.0.2.0/24"));
  for (const std::string rule :
       {"*", "lab.example", ".lab.example", "api.lab.example", " LAB.example:6443 ", "x,*.example"})
    EXPECT_FALSE(proxied(rule)) << rule;
  EXPECT_TRUE(is_exempt({.host = "192.0.2.7", .port = 1}, "192.0.2.0/24"));
  EXPECT_TRUE(is_exempt({.host = "2001:db8::7", .port = 1}, "2001:db8::/32"));
  EXPECT_TRUE(is_exempt({.host = "2001:db8::7", .port = 1}, "2001:db8::7"));
  EXPECT_FALSE(is_exempt({.host = "192.0.3.7", .port = 1}, "192.0.2.0/24,192.0.3.70"));
  const auto proxy = proxy_for(server, environment({{"https_proxy", "u:p@proxy"}}));
  ASSERT_TRUE(proxy);
  EXPECT_EQ((*proxy)->authorization, "Basic " + encode_base64("u:p"));
  EXPECT_FALSE(proxy_for(*parse_server("https://localhost:6443"),
                         environment({{"HTTPS_PROXY", "proxy:3128"}}))
                   ->has_value());
}

TEST(Proxy, OfAnotherKindIsRefusedWithoutItsPassword) {
  const auto proxy = parse_proxy("socks5://u:hunter2@proxy:1080", "proxy-url");
  ASSERT_FALSE(proxy);
  EXPECT_NE(proxy.error().message.find("http://proxy.example:3128"), std::string::npos);
  EXPECT_EQ(proxy.error().message.find("hunter2"), std::string::npos);
}

}  // namespace
}  // namespace porter::kube
