// SPDX-License-Identifier: Apache-2.0
#include "kube/exec_plugin.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "base/time.hpp"
#include "base/tree.hpp"
#include "io/file.hpp"
#include "kube/base64_encode.hpp"
#include "model/time_text.hpp"
#include "watch/item_stream.hpp"

namespace porter::kube {
namespace {

constexpr std::size_t kLongestOutput = 1U << 20U;
constexpr auto kLook = std::chrono::milliseconds{50};  // whether it has ended

std::string_view version_words(const ExecPlugin& plugin) {
  return plugin.version == ExecPlugin::Version::V1 ? "client.authentication.k8s.io/v1"
                                                   : "client.authentication.k8s.io/v1beta1";
}

bool may_ask(const ExecPlugin& plugin, Terminal terminal) {
  return terminal == Terminal::Here && plugin.interactive != ExecPlugin::Interactive::Never;
}

// A child and its output in a pipe. One that has not ended when this is destroyed is killed, with
// all it started.
class Child {
 public:
  Child() = default;
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    if (process_ <= 0) return;
    ::kill(-process_, SIGKILL);
    ::kill(process_, SIGKILL);  // one that may ask the terminal is in our own group
    int ignored = 0;
    while (::waitpid(process_, &ignored, 0) < 0 && errno == EINTR) {
    }
  }

  [[nodiscard]] int start(const ExecRun& run);
  [[nodiscard]] int output() const { return read_.number(); }
  [[nodiscard]] bool has_ended(int& status) {
    if (::waitpid(process_, &status, WNOHANG) != process_) return false;
    process_ = 0;
    return true;
  }

 private:
  pid_t process_ = 0;
  io::Fd read_;
};

std::vector<std::string> environment_of(const ExecRun& run) {
  auto variables = run.environment.variables;
  for (const auto& [name, value] : run.plugin.environment)
    variables[name] = value;
  variables["KUBERNETES_EXEC_INFO"] = run.info;
  std::vector<std::string> list;
  list.reserve(variables.size());
  for (const auto& [name, value] : variables)
    list.push_back(fmt::format("{}={}", name, value));
  return list;
}

std::vector<char*> pointers_to(std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (std::string& text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// posix_spawnp() looks in the PATH of this process; the plugin is to be found in the one it gets.
std::string found_in_path(const std::string& command, const Environment& environment) {
  if (command.find('/') != std::string::npos) return command;
  const std::string path = environment.get("PATH");
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
    const std::string full = fmt::format("{}/{}", folder.empty() ? "." : folder, command);
    if (::access(full.c_str(), X_OK) == 0) return full;
  }
  return command;
}

int Child::start(const ExecRun& run) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
  read_ = io::Fd{ends[0]};
  const io::Fd write{ends[1]};
  ::fcntl(read_.number(), F_SETFL, O_NONBLOCK);
  const std::string file = found_in_path(run.plugin.command, run.environment);
  std::vector<std::string> arguments{run.plugin.command};
  arguments.insert(arguments.end(), run.plugin.arguments.begin(), run.plugin.arguments.end());
  std::vector<std::string> environment = environment_of(run);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const bool is_asked = may_ask(run.plugin, run.terminal);
  if (!is_asked) posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, write.number(), 1);
  posix_spawn_file_actions_addclosefrom_np(&actions, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t signals;
  sigfillset(&signals);
  posix_spawnattr_setsigdefault(&attributes, &signals);
  sigemptyset(&signals);
  posix_spawnattr_setsigmask(&attributes, &signals);
  // In another group it could not read from the terminal.
  posix_spawnattr_setpgroup(&attributes, 0);
  const int group = is_asked ? 0 : POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(
      &attributes, static_cast<short>(group | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
  const int error = ::posix_spawn(&process_, file.c_str(), &actions, &attributes,
                                  pointers_to(arguments).data(), pointers_to(environment).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) process_ = 0;
  return error;
}

struct Ended {
  std::string output;
  int status = 0;
};

// Reads until the pipe is closed or the child has ended, whichever is first: a grandchild may hold
// the pipe for ever.
Result<Ended> follow(Child& child, std::chrono::milliseconds limit) {
  const TimePoint end = Clock::now() + limit;
  Ended ended;
  bool is_over = false;
  for (bool is_open = true;;) {
    if (Clock::now() >= end) {
      return fail(Errc::Unavailable,
                  fmt::format("took longer than {} ms; it was killed", limit.count()));
    }
    pollfd waiting{.fd = is_open ? child.output() : -1, .events = POLLIN, .revents = 0};
    ::poll(&waiting, 1, is_over ? 0 : static_cast<int>(kLook.count()));
    std::array<char, 4096> buffer{};
    const ssize_t got = is_open ? ::read(child.output(), buffer.data(), buffer.size()) : -1;
    if (got > 0) ended.output.append(buffer.data(), static_cast<std::size_t>(got));
    if (got == 0) is_open = false;
    if (ended.output.size() > kLongestOutput)
      return fail(Errc::Invalid, "printed more than 1 MiB; an ExecCredential was expected");
    if (got > 0) continue;
    if (is_over) return ended;
    is_over = child.has_ended(ended.status);
  }
}

std::string status_words(int status) {
  if (WIFSIGNALED(status)) return fmt::format("was ended by signal {}", WTERMSIG(status));
  return fmt::format("exited with status {}; what it said is on stderr", WEXITSTATUS(status));
}

std::string hint(const ExecPlugin& plugin) {
  return plugin.install_hint.empty() ? std::string{} : "; " + plugin.install_hint;
}

}  // namespace

std::string exec_info(const ExecPlugin& plugin, const Cluster& cluster,
                      const std::string& authority, Terminal terminal) {
  Tree spec = Tree::map();
  if (plugin.provide_cluster_info) {
    Tree told = Tree::map();
    told.set("server", cluster.server);
    if (!cluster.tls_server_name.empty()) told.set("tls-server-name", cluster.tls_server_name);
    if (cluster.insecure_skip_tls_verify) told.set("insecure-skip-tls-verify", true);
    if (!authority.empty()) told.set("certificate-authority-data", encode_base64(authority));
    if (!cluster.proxy_url.empty()) told.set("proxy-url", cluster.proxy_url);
    told.set("config", cluster.exec_config);
    spec.set("cluster", std::move(told));
  }
  spec.set("interactive", may_ask(plugin, terminal));
  Tree info = Tree::map();
  info.set("kind", "ExecCredential")
      .set("apiVersion", version_words(plugin))
      .set("spec", std::move(spec));
  return to_json(info, 0);
}

Result<ExecCredential> decode_exec_credential(const ExecPlugin& plugin, std::string_view output) {
  const auto tree = watch::parse_json(output);
  if (!tree || !tree->is_map()) return fail(Errc::Invalid, "printed no ExecCredential in JSON");
  if ((*tree)["kind"].text() != "ExecCredential" ||
      (*tree)["apiVersion"].text() != version_words(plugin)) {
    return fail(Errc::Invalid,
                fmt::format("must print an ExecCredential of {}", version_words(plugin)));
  }
  const Tree& status = (*tree)["status"];
  ExecCredential credential{.token = status["token"].text(),
                            .certificate = status["clientCertificateData"].text(),
                            .key = status["clientKeyData"].text(),
                            .expires = {}};
  if (credential.certificate.empty() != credential.key.empty())
    return fail(Errc::Invalid,
                "clientCertificateData and clientKeyData go together; one is missing");
  if (credential.token.empty() && credential.certificate.empty())
    return fail(Errc::Invalid,
                "status must hold a token, or clientCertificateData and clientKeyData");
  const Tree& expires = status["expirationTimestamp"];
  if (!expires.is_null()) {
    credential.expires = model::parse_time(expires.text());
    if (!credential.expires)
      return fail(Errc::Invalid, "expirationTimestamp: must be a time like 2024-05-01T10:00:00Z");
  }
  return credential;
}

Result<ExecCredential> run_exec_plugin(const ExecRun& run) {
  const std::string where = fmt::format("exec plugin {}", shown(run.plugin.command));
  if (run.plugin.interactive == ExecPlugin::Interactive::Always && run.terminal == Terminal::None) {
    return fail(Errc::Invalid,
                where + ": wants a terminal (interactiveMode: Always), and there is none");
  }
  Child child;
  if (const int error = child.start(run); error != 0) {
    Error why = io::file_error(run.plugin.command, error);
    why.message = fmt::format("exec plugin {}{}", why.message, hint(run.plugin));
    return Failure<>{std::move(why)};
  }
  auto ended = follow(child, run.limit);
  if (!ended) return Failure<>{std::move(ended.error()).within(where)};
  if (!WIFEXITED(ended->status) || WEXITSTATUS(ended->status) != 0)
    return fail(Errc::Unavailable,
                fmt::format("{}: {}{}", where, status_words(ended->status), hint(run.plugin)));
  auto credential = decode_exec_credential(run.plugin, ended->output);
  if (!credential) return Failure<>{std::move(credential.error()).within(where)};
  return credential;
}

}  // namespace porter::kube
