// SPDX-License-Identifier: Apache-2.0
#include "io/inotify.hpp"

#include <cerrno>
#include <cstring>
#include <sys/inotify.h>
#include <unistd.h>
#include <utility>

#include "io/file.hpp"

namespace porter::io {
namespace {

constexpr std::uint32_t kInteresting = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |
                                       IN_CREATE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF |
                                       IN_ONLYDIR;

Error limit_error(std::string_view what, std::string_view sysctl, int number) {
  Error error = file_error(what, number);
  error.message.append(" (raise ").append(sysctl).append(")");
  return error;
}

}  // namespace

Result<std::unique_ptr<Inotify>> Inotify::open(const asio::any_io_executor& executor) {
  const int file = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  if (file < 0 && errno == EMFILE)
    return Failure<>{limit_error("inotify", "fs.inotify.max_user_instances", EMFILE)};
  if (file < 0) return Failure<>{file_error("inotify", errno)};
  return std::make_unique<Inotify>(executor, file);
}

Inotify::Inotify(const asio::any_io_executor& executor, int file) : file_{executor, file} {}

Result<int> Inotify::watch(const std::string& folder) {
  const int watch = ::inotify_add_watch(file_.native_handle(), folder.c_str(), kInteresting);
  if (watch < 0 && errno == ENOSPC)
    return Failure<>{limit_error("inotify: " + folder, "fs.inotify.max_user_watches", ENOSPC)};
  if (watch < 0) return Failure<>{file_error(folder, errno)};
  return watch;
}

void Inotify::unwatch(int watch) {
  ::inotify_rm_watch(file_.native_handle(), watch);
}

Task<Result<std::vector<Inotify::Event>>> Inotify::next() {
  for (;;) {
    auto events = read_some();
    if (!events || !events->empty()) co_return events;
    const auto [error] =
        co_await file_.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
    if (error) co_return Failure<>{file_error("inotify", error.value())};
  }
}

Result<std::vector<Inotify::Event>> Inotify::read_some() {
  std::vector<Event> events;
  const ssize_t got = ::read(file_.native_handle(), buffer_.data(), buffer_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return events;
  if (got < 0) return Failure<>{file_error("inotify", errno)};
  std::string_view rest{buffer_.data(), static_cast<std::size_t>(got)};
  inotify_event head{};
  while (rest.size() >= sizeof head) {
    std::memcpy(&head, rest.data(), sizeof head);
    rest.remove_prefix(sizeof head);
    const std::string_view padded = rest.substr(0, head.len);
    events.push_back(Event{.watch = head.wd,
                           .mask = head.mask,
                           .name = std::string{padded.substr(0, padded.find('\0'))}});
    rest.remove_prefix(padded.size());
  }
  return events;
}

}  // namespace porter::io
