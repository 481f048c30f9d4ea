// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/address.hpp"
#include "bgp/rib.hpp"
#include "io/file.hpp"
#include "model/eip.hpp"

// What was recorded, before anything is announced. Text, one entry a line, each with the CRC-32 of
// what follows it; a batch counts when its commit line is there:
//
//   porter-journal-1
//   5f3a01c2 address 192.0.2.17 {"apiVersion":…,"kind":"EipAddress",…}
//   88e5b6a0 free 192.0.2.18
//   1b2c3d4e path-id 10.0.0.3 167772163
//   0c0ffee0 commit 3
//
// Every entry is the whole latest value of its key, so replaying a journal twice, or over files
// that have caught up already, changes nothing.
namespace porter::manifests {

struct AddressEntry {
  Address address;
  std::optional<model::EipAddress> value;  // none: free
  friend bool operator==(const AddressEntry&, const AddressEntry&) = default;
};
struct PathIdEntry {
  Address next_hop;
  bgp::PathId id = 0;
  friend bool operator==(const PathIdEntry&, const PathIdEntry&) = default;
};
using JournalEntry = std::variant<AddressEntry, PathIdEntry>;

[[nodiscard]] std::string journal_header();
[[nodiscard]] std::string encode_batch(std::span<const JournalEntry> entries);

struct JournalContents {
  std::vector<JournalEntry> entries;  // of all committed batches, in order
  std::size_t committed = 0;          // octets up to the end of the last commit; the rest is torn
  std::size_t torn_lines = 0;
};
// A batch without its commit at the end of the text was being written when the process or the
// machine died: it is dropped, nobody was told that it is recorded. A line that is wrong with a
// commit behind it, or one we do not know, is an Error that names it: better no start than a double
// assignment.
[[nodiscard]] Result<JournalContents> decode_journal(std::string_view text);

// The file. append() is one write(2): either the batch is there whole, or the file is as before.
class JournalFile {
 public:
  static constexpr std::size_t kLargest = 256U << 20U;

  explicit JournalFile(std::string path) : path_{std::move(path)} {}

  // Reads it and cuts off what is torn. A file that is not there is empty.
  [[nodiscard]] Result<JournalContents> load();
  [[nodiscard]] Result<void> append(std::string_view batch);
  // From here on the batches go to a new file; the old one is at `path`, until remove_file(path).
  [[nodiscard]] Result<void> set_aside(const std::string& path);

  [[nodiscard]] std::size_t size() const { return size_; }  // 0: no file yet
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[nodiscard]] Result<void> make_ready();

  std::string path_;
  io::Fd file_;
  std::size_t size_ = 0;
  bool has_tail_ = false;  // octets beyond size_, of a write that failed
};

}  // namespace porter::manifests
