// SPDX-License-Identifier: Apache-2.0
#include "kube/credentials.hpp"

#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::kube {
namespace {

using manifests::Bench;
using manifests::content;
using manifests::put;
using manifests::TemporaryFolder;
using Seen = TestServer::Seen;
using Answer = TestServer::Answer;

// A server that takes one bearer token, and a plugin's folder.
struct Scene {
  Scene() = default;
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() { finish(bench, bench.tasks.stop()); }

  [[nodiscard]] Answer answer(const Seen& seen) const {
    const auto shown = seen.headers.find("authorization");
    const bool is_good = shown != seen.headers.end() && shown->second == "Bearer " + good;
    return Answer{.bytes = is_good ? http_answer(200, "yes") : http_answer(401, "{}")};
  }
  Client& client() {
    if (!made) {
      Client::Options options = quick_options();
      options.credentials.look_every = std::chrono::milliseconds{0};
      options.credentials.plugin_rest = rest;
      options.credentials.plugin_limit = limit;
      options.credentials.environment = Environment::of_process();
      access.cluster.server = fmt::format("http://127.0.0.1:{}", server.port());
      access.origin = "the test";
      made = open_client(bench, worker, access, options);
    }
    return *made;
  }
  [[nodiscard]] std::string outcome() {
    const auto answer = ask(bench, client(), get("/"));
    return answer ? fmt::format("{} {}", answer->status, answer->body) : answer.error().message;
  }
  // A plugin that counts its runs, keeps its info, and does as `script` says.
  void plug(const std::string& script) {
    const std::filesystem::path path = folder / "login";
    put(path,
        fmt::format("#!/bin/sh\ncd {}\necho run >> runs\nprintf '%s' \"$KUBERNETES_EXEC_INFO\" "
                    "> info\n{}\n",
                    folder.path().string(), script));
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    ExecPlugin plugin;
    plugin.command = path.string();
    plugin.arguments = {"one", "two"};
    plugin.environment = {{"PORTER_TEST", "told"}};
    plugin.install_hint = "see https://login.example";
    access.user.exec = plugin;
  }
  static std::string printing(const std::string& status) {
    return fmt::format(
        "cat <<END\n{{\"apiVersion\": \"client.authentication.k8s.io/v1\", \"kind\": "
        "\"ExecCredential\", \"status\": {{{}}}}}\nEND",
        status);
  }
  [[nodiscard]] std::size_t runs() const {
    const std::string text = content(folder / "runs");
    return text.size() / 4;
  }

  TemporaryFolder folder;
  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  Access access;
  std::string good = "good";
  std::chrono::milliseconds rest{0};
  std::chrono::milliseconds limit{10'000};
  std::unique_ptr<Client> made;
  TestServer server{bench, [this](const Seen& seen) { return answer(seen); }};
};

TEST(Credentials, ShowsAToken) {
  Scene scene;
  scene.access.user.token = "good";
  EXPECT_EQ(scene.outcome(), "200 yes");
}

TEST(Credentials, ShowsUserAndPassword) {
  Scene scene;
  scene.access.user.username = "u";
  scene.access.user.password = "p";
  EXPECT_EQ(scene.outcome(), "401 {}");
  EXPECT_EQ(scene.server.seen().front().headers.at("authorization"), "Basic dTpw");
}

TEST(Credentials, ReadsATokenFileAnewWhenItChanges) {
  Scene scene;
  scene.access.user.token_file = (scene.folder / "token").string();
  EXPECT_NE(scene.outcome().find("tokenFile: "), std::string::npos);
  put(scene.folder / "token", "good\n");
  EXPECT_EQ(scene.outcome(), "200 yes");
  scene.good = "rotated";
  put(scene.folder / ".token", "rotated");
  std::filesystem::rename(scene.folder / ".token", scene.folder / "token");
  EXPECT_EQ(scene.outcome(), "200 yes");
  std::filesystem::remove(scene.folder / "token");
  EXPECT_EQ(scene.outcome(), "200 yes");  // what was read last stays
}

TEST(Credentials, LooksAtTheFileAtOnceWhenTheTokenIsRefused) {
  Scene scene;
  scene.access.user.token_file = (scene.folder / "token").string();
  put(scene.folder / "token", "good");
  const Client::Options options = quick_options();  // looks once a second
  scene.access.cluster.server = fmt::format("http://127.0.0.1:{}", scene.server.port());
  scene.made = open_client(scene.bench, scene.worker, scene.access, options);
  EXPECT_EQ(scene.outcome(), "200 yes");
  scene.good = "rotated";
  put(scene.folder / "token", "rotated");
  EXPECT_EQ(scene.outcome(), "200 yes");
  EXPECT_EQ(scene.server.seen().size(), 3U);
}

TEST(Credentials, GivesUpAfterASecondRefusal) {
  Scene scene;
  scene.access.user.token = "bad";
  EXPECT_EQ(scene.outcome(), "401 {}");
  EXPECT_EQ(scene.server.seen().size(), 1U);  // there is no other token
}

TEST(Credentials, RefusesATokenThatWouldBreakTheRequest) {
  Scene scene;
  scene.access.user.token = "good\r\nX-Evil: yes";
  EXPECT_EQ(scene.outcome(), "the test: token: holds more than one line, or no text");
  EXPECT_TRUE(scene.server.seen().empty());
}

TEST(ExecPlugin, GivesATokenAndIsNotAskedAgain) {
  Scene scene;
  scene.plug(Scene::printing("\"token\": \"good\"") + "\necho \"$PORTER_TEST $1 $2\" > told");
  EXPECT_EQ(scene.outcome(), "200 yes");
  EXPECT_EQ(scene.outcome(), "200 yes");
  EXPECT_EQ(scene.runs(), 1U);
  EXPECT_EQ(content(scene.folder / "told"), "told one two\n");
  EXPECT_EQ(
      content(scene.folder / "info"),
      R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","spec":{"interactive":false}})");
}

TEST(ExecPlugin, IsToldOfTheClusterWhenItWantsToKnow) {
  Scene scene;
  scene.plug(Scene::printing("\"token\": \"good\""));
  scene.access.user.exec->provide_cluster_info = true;
  scene.access.cluster.exec_config = Tree::map();
  scene.access.cluster.exec_config.set("audience", "lab");
  EXPECT_EQ(scene.outcome(), "200 yes");
  const std::string info = content(scene.folder / "info");
  EXPECT_NE(info.find(fmt::format("\"cluster\":{{\"server\":\"http://127.0.0.1:{}\"",
                                  scene.server.port())),
            std::string::npos)
      << info;
  EXPECT_NE(info.find(R"("config":{"audience":"lab"})"), std::string::npos) << info;
}

TEST(ExecPlugin, RunsAgainWhenItsTokenHasExpiredOrIsRefused) {
  Scene scene;
  scene.plug(
      Scene::printing("\"token\": \"good\", \"expirationTimestamp\": \"2020-01-01T00:00:00Z\""));
  EXPECT_EQ(scene.outcome(), "200 yes");
  EXPECT_EQ(scene.outcome(), "200 yes");
  EXPECT_EQ(scene.runs(), 2U);
  Scene other;
  other.plug("read token < token\n" + Scene::printing("\"token\": \"$token\""));
  put(other.folder / "token", "good\n");
  EXPECT_EQ(other.outcome(), "200 yes");
  other.good = "rotated";
  put(other.folder / "token", "rotated\n");
  EXPECT_EQ(other.outcome(), "200 yes");
  EXPECT_EQ(other.runs(), 2U);
}

TEST(ExecPlugin, ThatIsAbsentIsNamedWithItsHint) {
  Scene scene;
  scene.plug("exit 0");
  scene.access.user.exec->command = "/nowhere/login";
  EXPECT_EQ(scene.outcome(),
            "the test: exec plugin /nowhere/login: no such file or directory; see "
            "https://login.example");
}

TEST(ExecPlugin, ThatFailsIsNotRunInAHurry) {
  Scene scene;
  scene.rest = std::chrono::hours{1};
  scene.plug("echo secret-output\nexit 3");
  const std::string words = scene.outcome();
  EXPECT_NE(words.find("exited with status 3"), std::string::npos) << words;
  EXPECT_EQ(words.find("secret-output"), std::string::npos);
  EXPECT_EQ(scene.outcome(), words);
  EXPECT_EQ(scene.runs(), 1U);
}

TEST(ExecPlugin, ThatHangsIsKilledWithItsChildren) {
  Scene scene;
  scene.limit = std::chrono::milliseconds{300};
  scene.plug("sleep 1000 &\necho $! > child\nsleep 1000");
  EXPECT_NE(scene.outcome().find("took longer than 300 ms"), std::string::npos);
  const std::string child = content(scene.folder / "child");
  ASSERT_FALSE(child.empty());
  // Dead, or nobody's but init's to bury.
  const auto is_gone = [&] {
    const std::string stat = content(fmt::format("/proc/{}/stat", std::stol(child)));
    return stat.empty() || stat.find(") Z ") != std::string::npos;
  };
  EXPECT_TRUE(scene.bench.run_until(is_gone));
}

TEST(ExecPlugin, ThatLeavesAChildBehindIsNotWaitedFor) {
  Scene scene;
  scene.plug("sleep 30 &\n" + Scene::printing("\"token\": \"good\""));
  EXPECT_EQ(scene.outcome(), "200 yes");
}

TEST(ExecPlugin, SaysWhatItsOutputLacks) {
  const ExecPlugin plugin;
  const auto words = [&](const std::string& output) {
    const auto credential = decode_exec_credential(plugin, output);
    return credential ? "none" : credential.error().message;
  };
  EXPECT_EQ(words("Password:"), "printed no ExecCredential in JSON");
  EXPECT_EQ(
      words(R"({"kind": "ExecCredential", "apiVersion": "client.authentication.k8s.io/v1beta1"})"),
      "must print an ExecCredential of client.authentication.k8s.io/v1");
  const auto with = [&](const std::string& status) {
    return words(
        R"({"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":)" +
        status + "}");
  };
  EXPECT_EQ(with("{}"), "status must hold a token, or clientCertificateData and clientKeyData");
  EXPECT_EQ(with(R"({"clientKeyData": "x"})"),
            "clientCertificateData and clientKeyData go together; one is missing");
  EXPECT_EQ(with(R"({"token": "hunter2", "expirationTimestamp": "soon"})"),
            "expirationTimestamp: must be a time like 2024-05-01T10:00:00Z");
}

TEST(ExecPlugin, ThatNeedsATerminalIsNotRunWithoutOne) {
  Scene scene;
  scene.plug("exit 0");
  scene.access.user.exec->interactive = ExecPlugin::Interactive::Always;
  EXPECT_NE(scene.outcome().find("wants a terminal"), std::string::npos);
  EXPECT_EQ(scene.runs(), 0U);
}

}  // namespace
}  // namespace porter::kube
