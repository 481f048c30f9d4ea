// SPDX-License-Identifier: Apache-2.0
#include "speaker/restart_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <fcntl.h>
#include <fstream>
#include <limits>
#include <optional>
#include <sys/stat.h>
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

constexpr std::string_view kMagic = "PORTERR1";
constexpr std::uint8_t kEnd = 0;
constexpr std::uint8_t kRoute = 1;
constexpr std::size_t kTrailer = 9;  // kEnd, count, checksum
constexpr std::size_t kLargestFile = 256U << 20U;
constexpr std::size_t kSlice = 500;  // routes encoded and written in one turn
constexpr auto kPace = std::chrono::milliseconds{200};
constexpr auto kRetry = std::chrono::seconds{1};

enum Flag : std::uint8_t { Own = 1, OwnAddress = 2, NextHopV6 = 4, HasMed = 8 };
constexpr std::uint8_t kKnownFlags = Own | OwnAddress | NextHopV6 | HasMed;

void put_octets(Bytes octets, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), octets.begin(), octets.end());
}

template <class T, class Range>
T counted(const Range& range) {
  return static_cast<T>(std::min<std::size_t>(range.size(), std::numeric_limits<T>::max()));
}

void encode_path(const bgp::Path& path, std::vector<std::uint8_t>& out) {
  ByteWriter writer{out};
  unsigned flags = 0;
  if (path.own) flags |= Own;
  if (path.own_address) flags |= OwnAddress;
  if (path.next_hop.is_v6()) flags |= NextHopV6;
  if (path.attributes.med) flags |= HasMed;
  writer.put(static_cast<std::uint8_t>(flags));
  writer.put(path.id);
  put_octets(path.next_hop.octets(), out);
  if (path.attributes.med) writer.put(*path.attributes.med);
  writer.put(path.attributes.local_pref);
  writer.put(path.attributes.prepend);
  const auto communities = counted<std::uint16_t>(path.attributes.communities);
  writer.put(communities);
  for (std::size_t i = 0; i < communities; ++i)
    writer.put(path.attributes.communities[i]);
}

void encode_route(const Prefix& prefix, const std::vector<bgp::Path>& paths,
                  std::vector<std::uint8_t>& out) {
  ByteWriter writer{out};
  writer.put(kRoute);
  writer.put(static_cast<std::uint8_t>(prefix.family() == Family::V4 ? 4 : 6));
  writer.put(static_cast<std::uint8_t>(prefix.length()));
  put_octets(prefix.address().octets(), out);
  const auto count = counted<std::uint16_t>(paths);
  writer.put(count);
  for (std::size_t i = 0; i < count; ++i)
    encode_path(paths[i], out);
}

void encode_header(std::string_view boot_id, std::vector<std::uint8_t>& out) {
  out.insert(out.end(), kMagic.begin(), kMagic.end());
  const std::string_view id = boot_id.substr(0, std::numeric_limits<std::uint8_t>::max());
  out.push_back(static_cast<std::uint8_t>(id.size()));
  out.insert(out.end(), id.begin(), id.end());
}

// The checksum covers everything before itself, whatever the slices were.
class Checksum {
 public:
  void add(Bytes octets) { crc_.process_bytes(octets.data(), octets.size()); }
  [[nodiscard]] std::uint32_t value() const { return crc_.checksum(); }

 private:
  boost::crc_32_type crc_;
};

std::optional<Address> take_address(ByteReader& in, bool v6) {
  const Bytes octets = in.take_bytes(v6 ? 16 : 4);
  if (octets.empty()) return std::nullopt;
  if (!v6) return Address::v4(octets.first<4>());
  Address::Octets whole{};
  std::ranges::copy(octets, whole.begin());
  return Address::v6(whole);
}

std::optional<bgp::Path> decode_path(ByteReader& in) {
  const auto flags = in.take<std::uint8_t>();
  if ((flags & ~kKnownFlags) != 0) return std::nullopt;
  bgp::Path path;
  path.id = in.take<std::uint32_t>();
  const std::optional<Address> next_hop = take_address(in, (flags & NextHopV6) != 0);
  if (!next_hop) return std::nullopt;
  path.next_hop = *next_hop;
  path.own = (flags & Own) != 0;
  path.own_address = (flags & OwnAddress) != 0;
  if ((flags & HasMed) != 0) path.attributes.med = in.take<std::uint32_t>();
  path.attributes.local_pref = in.take<std::uint32_t>();
  path.attributes.prepend = in.take<std::uint8_t>();
  const auto communities = in.take<std::uint16_t>();
  for (std::size_t i = 0; i < communities && in.ok(); ++i) {
    path.attributes.communities.push_back(in.take<std::uint32_t>());
  }
  if (!in.ok()) return std::nullopt;
  return path;
}

bool decode_route(ByteReader& in, RouteTable& routes) {
  const auto family = in.take<std::uint8_t>();
  const auto length = in.take<std::uint8_t>();
  if (family != 4 && family != 6) return false;
  const std::optional<Address> address = take_address(in, family == 6);
  if (!address || length > bits_of(address->family())) return false;
  const Prefix prefix{*address, length};
  std::vector<bgp::Path> paths;
  const auto count = in.take<std::uint16_t>();
  for (std::size_t i = 0; i < count; ++i) {
    std::optional<bgp::Path> path = decode_path(in);
    if (!path) return false;
    paths.push_back(std::move(*path));
  }
  return in.ok() && prefix.address() == *address && routes.emplace(prefix, std::move(paths)).second;
}

Failure<> harmed(std::string_view how) {
  return fail(Errc::Invalid, fmt::format("not a whole restart file: {}", how));
}

// The new file beside the old one, until finish() puts it in its place.
class NewFile {
 public:
  NewFile(const std::filesystem::path& path, std::string_view boot_id)
      : path_{path}, temporary_{path} {
    temporary_ += ".new";
    encode_header(boot_id, buffer_);
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

  Result<void> append(const std::vector<plan::Route>& routes) {
    for (const plan::Route& route : routes)
      encode_route(route.prefix, route.paths, buffer_);
    count_ += static_cast<std::uint32_t>(routes.size());
    checksum_.add(buffer_);
    return write_all();
  }

  Result<void> finish() {
    ByteWriter writer{buffer_};
    writer.put(kEnd);
    writer.put(count_);
    checksum_.add(buffer_);
    writer.put(checksum_.value());
    Result<void> written = write_all();
    if (!written) return written;
    if (::rename(temporary_.c_str(), path_.c_str()) != 0) return failed("rename");
    ::close(std::exchange(file_, -1));
    return {};
  }

 private:
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
  std::uint32_t count_ = 0;
  Checksum checksum_;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace

Result<std::string> boot_id() {
  std::ifstream file{"/proc/sys/kernel/random/boot_id"};
  std::string id;
  if (file >> id) return id;
  return fail(Errc::Unavailable, "/proc/sys/kernel/random/boot_id cannot be read");
}

std::vector<std::uint8_t> encode_restart_file(const RouteTable& routes, std::string_view boot_id) {
  std::vector<std::uint8_t> out;
  encode_header(boot_id, out);
  for (const auto& [prefix, paths] : routes)
    encode_route(prefix, paths, out);
  ByteWriter writer{out};
  writer.put(kEnd);
  writer.put(static_cast<std::uint32_t>(routes.size()));
  Checksum checksum;
  checksum.add(out);
  writer.put(checksum.value());
  return out;
}

Result<RouteTable> decode_restart_file(Bytes file, std::string_view boot_id) {
  ByteReader in{file};
  const Bytes magic = in.take_bytes(kMagic.size());
  const Bytes id = in.take_bytes(in.take<std::uint8_t>());
  if (!in.ok() || in.remaining() < kTrailer || !std::ranges::equal(magic, kMagic))
    return harmed("no header");
  Checksum checksum;
  checksum.add(file.first(file.size() - 4));
  ByteReader trailer{file.last(4)};
  if (checksum.value() != trailer.take<std::uint32_t>()) return harmed("checksum does not match");
  if (!std::ranges::equal(id, boot_id))
    return fail(Errc::Conflict, "written before the last boot of this node");
  RouteTable routes;
  for (;;) {
    const auto tag = in.take<std::uint8_t>();
    if (tag == kEnd) break;
    if (tag != kRoute || !decode_route(in, routes))
      return harmed(fmt::format("behind route {}", routes.size()));
  }
  if (in.take<std::uint32_t>() != routes.size() || in.remaining() != 4)
    return harmed("count does not match");
  return routes;
}

Result<RouteTable> load_restart_file(const std::filesystem::path& path, std::string_view boot_id) {
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
  Result<RouteTable> routes = decode_restart_file(octets, boot_id);
  if (!routes) return Failure<>{std::move(routes.error()).within(path.string())};
  return routes;
}

RestartFile::RestartFile(asio::any_io_executor executor, std::filesystem::path path,
                         std::string boot_id, Source routes, Say say)
    : path_{std::move(path)},
      boot_id_{std::move(boot_id)},
      routes_{std::move(routes)},
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
  if (written)
    written = file.append(routes_(std::numeric_limits<std::size_t>::max(), std::nullopt));
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
    timer_.expires_after(written ? Duration{kPace} : Duration{kRetry});
  }
}

// Routes may change between two slices: each is written as of its own turn, and changed() has asked
// for another file by then.
io::Task<Result<void>> RestartFile::write_in_slices() {
  NewFile file{path_, boot_id_};
  Result<void> opened = file.open();
  if (!opened) co_return opened;
  std::optional<Prefix> last;
  for (;;) {
    const std::vector<plan::Route> slice = routes_(kSlice, last);
    Result<void> written = file.append(slice);
    if (!written) co_return written;
    if (slice.size() < kSlice) break;
    last = slice.back().prefix;
    co_await asio::post(executor_, asio::use_awaitable);
  }
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
