// SPDX-License-Identifier: Apache-2.0
#include "io/file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <dirent.h>
#include <fcntl.h>
#include <memory>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

namespace porter::io {
namespace {

constexpr std::size_t kSlice = 1U << 20U;

Errc code_of(int number) {
  switch (number) {
    case ENOENT:
    case ENOTDIR: return Errc::NotFound;
    case EACCES:
    case EPERM:
    case EROFS: return Errc::Denied;
    case ENAMETOOLONG:
    case ELOOP: return Errc::Invalid;
    default: return Errc::Unavailable;
  }
}

Failure<> failed(std::string_view path, int number) {
  return Failure<>{file_error(path, number)};
}

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::Regular;
  if (S_ISDIR(mode)) return FileKind::Folder;
  if (S_ISLNK(mode)) return FileKind::Link;
  return FileKind::Other;
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

FileStatus status_from(const struct stat& found) {
  return FileStatus{.stamp = FileStamp{.device = found.st_dev,
                                       .inode = found.st_ino,
                                       .size = static_cast<std::uint64_t>(found.st_size),
                                       .modified = nanoseconds(found.st_mtim),
                                       .changed = nanoseconds(found.st_ctim)},
                    .kind = kind_of(found.st_mode),
                    .links = found.st_nlink};
}

FileKind kind_of_entry(const std::string& folder, const dirent& entry) {
  switch (entry.d_type) {
    case DT_REG: return FileKind::Regular;
    case DT_DIR: return FileKind::Folder;
    case DT_LNK: return FileKind::Link;
    case DT_UNKNOWN: {  // file systems that do not say
      const auto status = status_of(fmt::format("{}/{}", folder, &entry.d_name[0]), Links::Show);
      return status ? status->kind : FileKind::Other;
    }
    default: return FileKind::Other;
  }
}

}  // namespace

Fd::~Fd() {
  if (number_ >= 0) ::close(number_);
}

Error file_error(std::string_view path, int number) {
  std::string what = std::generic_category().message(number);
  if (!what.empty() && what[0] >= 'A' && what[0] <= 'Z')
    what[0] = static_cast<char>(what[0] | 0x20);
  return Error{.code = code_of(number), .message = fmt::format("{}: {}", path, what)};
}

Result<FileStatus> status_of(const std::string& path, Links links) {
  struct stat found{};
  const int flags = links == Links::Show ? AT_SYMLINK_NOFOLLOW : 0;
  if (::fstatat(AT_FDCWD, path.c_str(), &found, flags) != 0) return failed(path, errno);
  return status_from(found);
}

Result<Contents> read_file(const std::string& path, std::size_t limit) {
  auto read = SlicedRead::open(path, limit);
  while (read) {
    const auto done = read->step();
    if (!done) return Failure<>{done.error()};
    if (*done) return read->take();
  }
  return Failure<>{std::move(read.error())};
}

SlicedRead::SlicedRead(std::string path, std::size_t limit, Fd file, Contents contents)
    : path_{std::move(path)},
      limit_{limit},
      file_{std::move(file)},
      contents_{std::move(contents)} {}

Result<SlicedRead> SlicedRead::open(const std::string& path, std::size_t limit) {
  Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)};
  if (!file.is_open()) return failed(path, errno);
  struct stat found{};
  if (::fstat(file.number(), &found) != 0) return failed(path, errno);
  if (!S_ISREG(found.st_mode)) return fail(Errc::Invalid, path + ": not a regular file");
  Contents contents{.text = {}, .stamp = status_from(found).stamp};
  if (contents.stamp.size > limit) {
    return fail(Errc::Exhausted, fmt::format("{}: {} octets, at most {} are read", path,
                                             contents.stamp.size, limit));
  }
  contents.text.resize(contents.stamp.size + 1);  // one more, so that the end is seen at once
  return SlicedRead{path, limit, std::move(file), std::move(contents)};
}

Result<bool> SlicedRead::step() {
  std::string& text = contents_.text;
  if (filled_ == text.size()) text.resize(filled_ + kSlice);  // it grows while it is read
  const ssize_t got =
      ::read(file_.number(), text.data() + filled_, std::min(text.size() - filled_, kSlice));
  if (got < 0 && errno == EINTR) return false;
  if (got < 0) return failed(path_, errno);
  filled_ += static_cast<std::size_t>(got);
  if (filled_ > limit_) {
    return fail(Errc::Exhausted,
                fmt::format("{}: more than {} octets, at most that is read", path_, limit_));
  }
  if (got == 0) text.resize(filled_);
  return got == 0;
}

Result<std::vector<Listed>> list_folder(const std::string& path, std::size_t limit) {
  const auto close = [](DIR* folder) { ::closedir(folder); };
  const std::unique_ptr<DIR, decltype(close)> folder{::opendir(path.c_str()), close};
  if (folder == nullptr) return failed(path, errno);
  std::vector<Listed> list;
  for (;;) {
    errno = 0;
    const dirent* const entry =
        ::readdir(folder.get());  // NOLINT(concurrency-mt-unsafe): own stream
    if (entry == nullptr && errno != 0) return failed(path, errno);
    if (entry == nullptr) return list;
    const std::string_view name{&entry->d_name[0]};
    if (name == "." || name == "..") continue;
    if (list.size() >= limit) {
      return fail(Errc::Exhausted, fmt::format("{}: more than {} entries", path, limit));
    }
    list.push_back(Listed{.name = std::string{name}, .kind = kind_of_entry(path, *entry)});
  }
}

Result<void> make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), 0755) != 0 && errno != EEXIST) {
      const int number = errno;
      // On a read-only file system mkdir() says so before it says that the folder is there.
      const auto status = status_of(part);
      if (!status || status->kind != FileKind::Folder) return failed(part, number);
    }
    if (slash == std::string::npos) break;
  }
  const auto status = status_of(path);
  if (!status) return Failure<>{status.error()};
  if (status->kind != FileKind::Folder) return failed(path, ENOTDIR);
  return {};
}

Result<void> write_all(int file, std::string_view text, std::string_view path) {
  while (!text.empty()) {
    const ssize_t put = ::write(file, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(path, errno);
    if (put == 0) return failed(path, ENOSPC);
    text.remove_prefix(static_cast<std::size_t>(put));
  }
  return {};
}

Result<void> write_atomically(const std::string& path, std::string_view text) {
  const std::size_t name = path.rfind('/') + 1;  // npos + 1: no folder
  const std::string beside = fmt::format("{}.{}.tmp", path.substr(0, name), path.substr(name));
  {
    const Fd file{
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};
    if (!file.is_open()) return failed(beside, errno);
    if (auto written = write_all(file.number(), text, beside); !written) {
      ::unlink(beside.c_str());
      return written;
    }
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) {
    const int number = errno;
    ::unlink(beside.c_str());
    return failed(path, number);
  }
  return {};
}

Result<void> remove_file(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed(path, errno);
  return {};
}

Result<void> sync_file(const std::string& path) {
  const Fd file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW)};
  if (!file.is_open() && errno == ENOENT) return {};
  if (!file.is_open() || ::fdatasync(file.number()) != 0) return failed(path, errno);
  return {};
}

Result<void> sync_file_system(const std::string& path) {
  const Fd folder{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY)};
  if (!folder.is_open() || ::syncfs(folder.number()) != 0) return failed(path, errno);
  return {};
}

}  // namespace porter::io
