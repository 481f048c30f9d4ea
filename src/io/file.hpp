// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.hpp"

// Files with errors in words. Every call may block for as long as the disk does: from the loop only
// for what is small and most likely in the page cache, else on the Worker.
namespace porter::io {

class Fd {
 public:
  Fd() = default;
  explicit Fd(int number) : number_{number} {}
  Fd(Fd&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  Fd& operator=(Fd&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd();

  [[nodiscard]] int number() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

// "PATH: permission denied", with the Errc that fits the number.
[[nodiscard]] Error file_error(std::string_view path, int number);

// Equal stamps: most likely the same content.
struct FileStamp {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // nanoseconds since 1970
  std::int64_t changed = 0;
  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

enum class FileKind : std::uint8_t { Regular, Folder, Link, Other };

struct FileStatus {
  FileStamp stamp;
  FileKind kind{};
  std::uint64_t links = 0;
};
enum class Links : std::uint8_t { Follow, Show };
[[nodiscard]] Result<FileStatus> status_of(const std::string& path, Links links = Links::Follow);

struct Contents {
  std::string text;
  FileStamp stamp;
};
// Of a regular file; larger than `limit` is Exhausted. Never blocks on a FIFO.
[[nodiscard]] Result<Contents> read_file(const std::string& path, std::size_t limit);

// The same in slices, for a loop that must not stand still: 64 MiB take 20 ms.
class SlicedRead {
 public:
  [[nodiscard]] static Result<SlicedRead> open(const std::string& path, std::size_t limit);
  [[nodiscard]] Result<bool> step();  // 1 MiB; true: done
  [[nodiscard]] Contents take() { return std::move(contents_); }

 private:
  SlicedRead(std::string path, std::size_t limit, Fd file, Contents contents);

  std::string path_;
  std::size_t limit_;
  Fd file_;
  Contents contents_;
  std::size_t filled_ = 0;
};

// Names without "." and "..", unsorted. More than `limit` is Exhausted.
struct Listed {
  std::string name;
  FileKind kind{};
};
[[nodiscard]] Result<std::vector<Listed>> list_folder(const std::string& path, std::size_t limit);

[[nodiscard]] Result<void> make_folders(const std::string& path);  // mode 0755; fine if it is there
[[nodiscard]] Result<void> write_all(int file, std::string_view text, std::string_view path);
// A reader sees the old content or the new one: written beside it as ".NAME.tmp", then renamed. It
// survives the process; to survive a power cut takes sync_file_system().
[[nodiscard]] Result<void> write_atomically(const std::string& path, std::string_view text);
[[nodiscard]] Result<void> remove_file(const std::string& path);  // gone already: fine
// fdatasync(2); a file that is not there: fine.
[[nodiscard]] Result<void> sync_file(const std::string& path);
// Everything written to the file system of `path` is on the disk.
[[nodiscard]] Result<void> sync_file_system(const std::string& path);

}  // namespace porter::io
