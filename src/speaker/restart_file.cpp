// SPDX-License-Identifier: Apache-2.0
#include "speaker/restart_file.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <linux/magic.h>
#include <optional>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/crc.hpp>
#include <fmt/format.h>

namespace porter::speaker {
namespace {

namespace asio = boost::asio;
using io::kAwait;

constexpr std::size_t kLargestFile = 256U << 20U;
constexpr std::size_t kSlice = 500;  // routes encoded and written in one turn
constexpr auto kPace = std::chrono::milliseconds{200};
// The file is written whole: where that takes long, it is written less often (of 100 ms of work 2).
constexpr int kRest = 50;
constexpr auto kRetry = std::chrono::seconds{1};

// The new file beside the old one, until finish() puts it in its place.
class NewFile {
 public:
  NewFile(const std::filesystem::path& path, std::string_view boot_id)
      : path_{path}, temporary_{path} {
    temporary_ += ".new";
    put_restart_header(boot_id, buffer_);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;
  ~NewFile() {
    if (file_ < 0) return;
    ::close(file_);
    ::unlink(temporary_.c_str());
  }

  Result<void> open() {
    file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    return file_ < 0 ? failed("open") : Result<void>{};
  }

  Result<void> append(const RestartPeers& peers) {
    put_restart_peers(peers, buffer_);
    return write_checked();
  }

  Result<void> append(const std::vector<plan::Route>& routes) {
    for (const plan::Route& route : routes)
      routes_.put(route.prefix, route.paths, buffer_);
    return write_checked();
  }

  Result<void> finish() {
    routes_.put_end(buffer_);
    checksum_.process_bytes(buffer_.data(), buffer_.size());
    ByteWriter{buffer_}.put(static_cast<std::uint32_t>(checksum_.checksum()));
    Result<void> written = write_all();
    if (!written) return written;
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("rename");
    ::close(std::exchange(file_, -1));
    return {};
  }

 private:
  // The checksum covers everything before itself, whatever the slices were.
  Result<void> write_checked() {
    checksum_.process_bytes(buffer_.data(), buffer_.size());
    return write_all();
  }

  Result<void> write_all() {
    for (Bytes rest = buffer_; !rest.empty();) {
      const ssize_t written = ::write(file_, rest.data(), rest.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("write");
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
    buffer_.clear();
    return {};
  }

  [[nodiscard]] Result<void> failed(std::string_view what) const {
    const std::string why = std::generic_category().message(errno);
    return fail(Errc::Unavailable, fmt::format("{}: {}: {}", temporary_.string(), what, why));
  }

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  int file_ = -1;
  RestartRoutes routes_;
  boost::crc_32_type checksum_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace

Result<std::string> boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  if (file >> id) return id;
  return fail(Errc::Unavailable, "/proc/sys/kernel/random/boot_id cannot be read");
}

bool is_in_memory(const std::filesystem::path& folder) {
  struct statfs found{};
  if (::statfs(folder.c_str(), &found) != 0) return false;
  return found.f_type == TMPFS_MAGIC || found.f_type == RAMFS_MAGIC;
}

Result<RestartState> load_restart_file(const std::filesystem::path& path,
                                       std::string_view boot_id) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  if (error == std::errc::no_such_file_or_directory)
    return fail(Errc::NotFound, path.string() + ": not there");
  if (error) return fail(Errc::Unavailable, fmt::format("{}: {}", path.string(), error.message()));
  if (size > kLargestFile)
    return fail(Errc::Invalid, fmt::format("{}: {} octets", path.string(), size));
  std::vector<std::uint8_t> octets(static_cast<std::size_t>(size));
  std::ifstream file{path, std::ios::binary};
  file.read(reinterpret_cast<char*>(octets.data()), static_cast<std::streamsize>(octets.size()));
  if (!file) return fail(Errc::Unavailable, path.string() + ": cannot be read");
  Result<RestartState> state = decode_restart_file(octets, boot_id);
  if (!state) return Failure<>{std::move(state.error()).within(path.string())};
  return state;
}

RestartFile::RestartFile(asio::any_io_executor executor, std::filesystem::path path,
                         std::string boot_id, Sources sources, Say say)
    : path_{std::move(path)},
      boot_id_{std::move(boot_id)},
      sources_{std::move(sources)},
      say_{std::move(say)},
      executor_{std::move(executor)},
      timer_{executor_, TimePoint::max()} {}

void RestartFile::changed() {
  if (std::exchange(dirty_, true) || forgotten_) return;
  if (timer_.expiry() == TimePoint::max()) timer_.expires_at(Clock::now());  // wakes keep_up()
}

Result<void> RestartFile::save() {
  if (!dirty_ || forgotten_) return {};
  NewFile file{path_, boot_id_};
  Result<void> written = file.open();
  if (written) written = file.append(sources_.peers());
  if (written)
    written = file.append(sources_.routes(std::numeric_limits<std::size_t>::max(), std::nullopt));
  if (written) written = file.finish();
  if (written) dirty_ = false;
  note(written);
  return written;
}

void RestartFile::forget() {
  forgotten_ = true;
  std::error_code none_there;
  std::filesystem::remove(path_, none_there);
}

// The timer is set to `never` only while nothing is to be written; changed() then cancels the wait.
io::Task<> RestartFile::keep_up() {
  for (;;) {
    [[maybe_unused]] const auto woken = co_await timer_.async_wait(kAwait);
    if (!dirty_ || forgotten_) {
      timer_.expires_at(TimePoint::max());
      continue;
    }
    dirty_ = false;
    const Result<void> written = co_await write_in_slices();
    if (!written) dirty_ = true;
    note(written);
    timer_.expires_after(written ? std::max<Duration>(kPace, took_ * kRest) : Duration{kRetry});
  }
}

// Routes may change between two slices: each is written as of its own turn, and changed() has asked
// for another file by then.
io::Task<Result<void>> RestartFile::write_in_slices() {
  TimePoint begun = Clock::now();
  took_ = {};
  NewFile file{path_, boot_id_};
  Result<void> opened = file.open();
  if (opened) opened = file.append(sources_.peers());
  if (!opened) co_return opened;
  std::optional<Prefix> last;
  for (;;) {
    const std::vector<plan::Route> slice = sources_.routes(kSlice, last);
    Result<void> written = file.append(slice);
    if (!written) co_return written;
    if (slice.size() < kSlice) break;
    last = slice.back().prefix;
    took_ += Clock::now() - begun;
    co_await asio::post(executor_, asio::use_awaitable);
    begun = Clock::now();
  }
  took_ += Clock::now() - begun;
  if (forgotten_) co_return opened;
  Result<void> finished = file.finish();
  co_return finished;
}

void RestartFile::note(const Result<void>& written) {
  const std::string error = written ? std::string{} : written.error().message;
  if (error == error_) return;
  error_ = error;
  if (say_) say_(error.empty() ? "the restart file can be written again" : error);
}

}  // namespace porter::speaker
