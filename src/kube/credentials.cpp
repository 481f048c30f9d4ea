// SPDX-License-Identifier: Apache-2.0
#include "kube/credentials.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include <fmt/format.h>

#include "io/log.hpp"
#include "io/wall_clock.hpp"
#include "kube/base64_encode.hpp"

namespace porter::kube {
namespace {

constexpr std::size_t kLargestFile = 1U << 20U;
constexpr std::string_view kBlank = " \t\r\n";

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// What may stand in a header (RFC 9110 §5.5): a line break would begin another one.
bool fits_a_header(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet >= 0x20 && octet != 0x7f;
  });
}

const std::string& text_of(const Pem& pem, const std::string& read) {
  return pem.text.empty() ? read : pem.text;
}

}  // namespace

// One run of the plugin, until it ended or its caller was cancelled.
class Credentials::Running {
 public:
  explicit Running(Credentials& owner) : owner_{owner} { owner_.is_running_ = true; }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() {
    owner_.is_running_ = false;
    owner_.ran_.cancel();
  }

 private:
  Credentials& owner_;
};

Credentials::Credentials(io::asio::any_io_executor executor, io::Worker& worker, Access access,
                         Options options)
    : executor_{std::move(executor)},
      worker_{worker},
      access_{std::move(access)},
      options_{std::move(options)},
      ran_{executor_, io::asio::steady_timer::time_point::max()} {}

Credentials::~Credentials() = default;

io::Task<Result<std::shared_ptr<const Identity>>> Credentials::current() {
  Result<void> ready = read_files(Clock::now());
  if (ready && access_.user.exec) ready = co_await run_plugin();
  if (ready) ready = renew();
  if (!ready) co_return Failure<>{std::move(ready.error()).within(access_.origin)};
  co_return identity_;
}

bool Credentials::refused(const Identity& identity) {
  next_read_ = {};
  next_look_ = {};
  // What cannot be read now is said by current().
  if (read_files(Clock::now())) static_cast<void>(renew().has_value());
  if (!identity_ || identity_->serial != identity.serial) return true;
  if (!access_.user.exec || Clock::now() < plugin_.ended + options_.plugin_rest) return false;
  plugin_.is_refused = true;
  return true;
}

Result<void> Credentials::read_files(TimePoint now) {
  if (now < next_look_) return {};
  next_look_ = now + options_.look_every;
  const bool again = now >= next_read_;
  if (again) next_read_ = now + options_.read_every;
  const User& user = access_.user;
  const auto file_of = [](const Pem& pem) { return pem.text.empty() ? pem.file : std::string{}; };
  Result<void> done =
      read(authority_, file_of(access_.cluster.authority), "certificate-authority", again);
  if (done) done = read(certificate_, file_of(user.certificate), "client-certificate", again);
  if (done) done = read(key_, file_of(user.key), "client-key", again);
  if (!done) next_look_ = {};
  if (!done || user.token_file.empty()) return done;
  done = read(token_, user.token_file, "tokenFile", again);
  if (!done && !user.token.empty()) return {};  // the token beside it stands in
  if (!done) next_look_ = {};
  return done;
}

Result<void> Credentials::read(Watched& watched, const std::string& file, std::string_view field,
                               bool again) const {
  if (file.empty()) return {};
  const auto status = io::status_of(file);
  if (status && watched.is_read && !again && status->stamp == watched.stamp) return {};
  auto contents = io::read_file(file, kLargestFile);
  if (contents && trimmed(contents->text).empty())
    contents = fail(Errc::Unavailable, file + ": is empty");
  if (contents) {
    watched = Watched{.text = std::move(contents->text), .stamp = contents->stamp, .is_read = true};
    return {};
  }
  if (!watched.is_read) return Failure<>{std::move(contents.error()).within(field)};
  if (!watched.is_lost) {
    log::warn("kube", "what was read last stays in use: " + contents.error().message,
              {{"field", field}});
  }
  watched.is_lost = true;
  return {};
}

bool Credentials::plugin_is_due() const {
  if (!plugin_.credential || plugin_.is_refused) return true;
  return plugin_.credential->expires && *plugin_.credential->expires <= io::unix_now();
}

io::Task<Result<void>> Credentials::run_plugin() {
  while (is_running_) {
    [[maybe_unused]] const auto woken = co_await ran_.async_wait(io::kAwait);
  }
  if (!plugin_is_due()) co_return Result<void>();
  if (plugin_.error && Clock::now() < plugin_.ended + options_.plugin_rest)
    co_return Failure<>{*plugin_.error};
  const Running running{*this};
  const std::string& authority = text_of(access_.cluster.authority, authority_.text);
  ExecRun run{.plugin = *access_.user.exec,
              .info = exec_info(*access_.user.exec, access_.cluster, authority, options_.terminal),
              .environment = options_.environment,
              .terminal = options_.terminal,
              .limit = options_.plugin_limit};
  std::function<Result<ExecCredential>()> job = [run = std::move(run)] {
    return run_exec_plugin(run);
  };
  auto answer = co_await worker_.run(std::move(job));
  if (!answer) co_return fail(Errc::Unavailable, "exec: too much is waiting for the worker");
  plugin_.ended = Clock::now();
  if (!*answer) {
    plugin_.error = answer->error();
    co_return Failure<>{answer->error()};
  }
  plugin_.error.reset();
  plugin_.is_refused = false;
  plugin_.credential = **std::move(answer);
  co_return Result<void>();
}

Result<std::string> Credentials::authorization() const {
  const User& user = access_.user;
  std::string_view token = trimmed(token_.is_read ? token_.text : user.token);
  std::string_view field = token_.is_read ? "tokenFile" : "token";
  if (plugin_.credential) {
    token = trimmed(plugin_.credential->token);
    field = "exec";
  }
  if (!fits_a_header(token))
    return fail(Errc::Invalid, fmt::format("{}: holds more than one line, or no text", field));
  if (!token.empty()) return fmt::format("Bearer {}", token);
  if (user.username.empty()) return std::string{};
  return "Basic " + encode_base64(user.username + ":" + user.password);
}

TlsMaterial Credentials::tls_material() const {
  const User& user = access_.user;
  TlsMaterial tls{.authority = text_of(access_.cluster.authority, authority_.text),
                  .certificate = text_of(user.certificate, certificate_.text),
                  .key = text_of(user.key, key_.text),
                  .insecure_skip_tls_verify = access_.cluster.insecure_skip_tls_verify};
  if (plugin_.credential && !plugin_.credential->certificate.empty()) {
    tls.certificate = plugin_.credential->certificate;
    tls.key = plugin_.credential->key;
  }
  return tls;
}

Result<void> Credentials::renew() {
  auto authorization = this->authorization();
  if (!authorization) return Failure<>{std::move(authorization.error())};
  Identity next{.authorization = *std::move(authorization), .tls = tls_material()};
  const bool is_same_tls = identity_ && identity_->tls == next.tls;
  if (is_same_tls && identity_->authorization == next.authorization) return {};
  next.serial = ++serial_;
  next.tls_serial = is_same_tls ? identity_->tls_serial : serial_;
  identity_ = std::make_shared<const Identity>(std::move(next));
  return {};
}

}  // namespace porter::kube
