// SPDX-License-Identifier: Apache-2.0
#include "manifests/journal.hpp"

#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <unistd.h>
#include <utility>

#include <boost/crc.hpp>
#include <fmt/format.h>

#include "manifests/yaml.hpp"
#include "model/decode.hpp"
#include "model/encode.hpp"

namespace porter::manifests {
namespace {

constexpr std::string_view kHeader = "porter-journal-1\n";
constexpr std::size_t kSum = 8;  // hexadecimal digits

std::uint32_t checksum(std::string_view text) {
  boost::crc_32_type crc;
  crc.process_bytes(text.data(), text.size());
  return crc.checksum();
}

void append_line(std::string_view payload, std::string& out) {
  out += fmt::format("{:08x} {}\n", checksum(payload), payload);
}

// The payload of a line whose checksum is right.
std::optional<std::string_view> payload_of(std::string_view line) {
  if (line.size() <= kSum || line[kSum] != ' ') return std::nullopt;
  std::uint32_t sum = 0;
  const char* const last = line.data() + kSum;
  const auto [end, error] = std::from_chars(line.data(), last, sum, 16);
  const std::string_view payload = line.substr(kSum + 1);
  if (error != std::errc{} || end != last || sum != checksum(payload)) return std::nullopt;
  return payload;
}

std::string_view word_off(std::string_view& text) {
  const std::size_t end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, number);
  if (error != std::errc{} || end != last || text.empty()) return std::nullopt;
  return number;
}

Result<JournalEntry> parse_address(std::string_view text) {
  const auto address = Address::parse(word_off(text));
  if (!address) return Failure<>{address.error()};
  const auto tree = parse_document(text);
  if (!tree) return fail(Errc::Invalid, to_string(tree.error()));
  auto decoded = model::decode(*tree);
  auto* const value = decoded.object ? std::get_if<model::EipAddress>(&*decoded.object) : nullptr;
  if (value == nullptr || value->address != *address)
    return fail(Errc::Invalid, "not an EipAddress of " + to_string(*address));
  return AddressEntry{.address = *address, .value = std::move(*value)};
}

Result<JournalEntry> parse_free(std::string_view text) {
  const auto address = Address::parse(text);
  if (!address) return Failure<>{address.error()};
  return AddressEntry{.address = *address, .value = std::nullopt};
}

Result<JournalEntry> parse_path_id(std::string_view text) {
  const auto next_hop = Address::parse(word_off(text));
  if (!next_hop) return Failure<>{next_hop.error()};
  const auto id = parse_number<bgp::PathId>(text);
  if (!id) return fail(Errc::Invalid, fmt::format("{}: not a path identifier", shown(text)));
  return PathIdEntry{.next_hop = *next_hop, .id = *id};
}

Result<JournalEntry> parse_entry(std::string_view verb, std::string_view rest) {
  if (verb == "address") return parse_address(rest);
  if (verb == "free") return parse_free(rest);
  if (verb == "path-id") return parse_path_id(rest);
  return fail(Errc::Invalid, fmt::format("{}: not known to this version of Porter", shown(verb)));
}

// Walks the lines after the header.
class Decoder {
 public:
  explicit Decoder(std::string_view text) : text_{text}, at_{kHeader.size()} {
    contents_.committed = at_;
  }

  Result<JournalContents> run() {
    while (at_ < text_.size()) {
      ++line_;
      const std::size_t end = text_.find('\n', at_);
      const std::string_view line = text_.substr(at_, end - at_);
      at_ = end == std::string_view::npos ? text_.size() : end + 1;
      const auto payload = end == std::string_view::npos ? std::nullopt : payload_of(line);
      if (auto taken = take(payload); !taken)
        return Failure<>{std::move(taken.error()).within(fmt::format("line {}", line_))};
    }
    contents_.torn_lines = pending_.size() + (bad_line_ != 0 ? 1 : 0);
    return std::move(contents_);
  }

 private:
  Result<void> take(std::optional<std::string_view> payload) {
    if (!payload) {
      if (bad_line_ == 0) bad_line_ = line_;
      return {};
    }
    std::string_view rest = *payload;
    const std::string_view verb = word_off(rest);
    if (verb == "commit") return commit(rest);
    auto entry = parse_entry(verb, rest);
    if (!entry) return Failure<>{std::move(entry.error())};
    pending_.push_back(*std::move(entry));
    return {};
  }

  Result<void> commit(std::string_view count) {
    if (bad_line_ != 0)
      return fail(Errc::Invalid,
                  fmt::format("damaged: the checksum of line {} is wrong", bad_line_));
    if (parse_number<std::size_t>(count) != pending_.size())
      return fail(Errc::Invalid,
                  fmt::format("commits {} entries, {} are there", shown(count), pending_.size()));
    for (JournalEntry& entry : pending_)
      contents_.entries.push_back(std::move(entry));
    pending_.clear();
    contents_.committed = at_;
    return {};
  }

  std::string_view text_;
  std::size_t at_;
  unsigned line_ = 1;
  unsigned bad_line_ = 0;
  std::vector<JournalEntry> pending_;
  JournalContents contents_;
};

}  // namespace

std::string journal_header() {
  return std::string{kHeader};
}

std::string encode_batch(std::span<const JournalEntry> entries) {
  std::string out;
  for (const JournalEntry& entry : entries) {
    if (const auto* const path = std::get_if<PathIdEntry>(&entry)) {
      append_line(fmt::format("path-id {} {}", to_string(path->next_hop), path->id), out);
      continue;
    }
    const AddressEntry& address = std::get<AddressEntry>(entry);
    if (address.value) {
      append_line(fmt::format("address {} {}", to_string(address.address),
                              to_json(to_tree(*address.value), 0)),
                  out);
    } else {
      append_line(fmt::format("free {}", to_string(address.address)), out);
    }
  }
  append_line(fmt::format("commit {}", entries.size()), out);
  return out;
}

Result<JournalContents> decode_journal(std::string_view text) {
  // Torn in its first line, or a file whose first block never reached the disk.
  if (text.size() < kHeader.size() && kHeader.starts_with(text)) return JournalContents{};
  if (text.find_first_not_of('\0') == std::string_view::npos) return JournalContents{};
  if (!text.starts_with(kHeader)) {
    return fail(Errc::Invalid,
                fmt::format("line 1: must be {}, not a journal this version of Porter knows",
                            kHeader.substr(0, kHeader.size() - 1)));
  }
  return Decoder{text}.run();
}

Result<JournalContents> JournalFile::load() {
  auto file = io::read_file(path_, kLargest);
  if (!file && file.error().code == Errc::NotFound) return JournalContents{};
  if (!file) return Failure<>{std::move(file.error())};
  auto contents = decode_journal(file->text);
  if (!contents) {
    return Failure<>{std::move(contents.error())
                         .within(path_ + " (move it away to start with addresses/ alone)")};
  }
  size_ = contents->committed;
  has_tail_ = file->text.size() > size_;
  return contents;
}

Result<void> JournalFile::make_ready() {
  if (!file_.is_open()) {
    io::Fd file{
        ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0644)};
    if (!file.is_open()) return Failure<>{io::file_error(path_, errno)};
    file_ = std::move(file);
  }
  if (has_tail_ && ::ftruncate(file_.number(), static_cast<off_t>(size_)) != 0)
    return Failure<>{io::file_error(path_, errno)};
  has_tail_ = false;
  return {};
}

Result<void> JournalFile::append(std::string_view batch) {
  if (auto ready = make_ready(); !ready) return ready;
  const std::string text = size_ == 0 ? fmt::format("{}{}", kHeader, batch) : std::string{batch};
  auto written = io::write_all(file_.number(), text, path_);
  if (!written) {
    // A part of it may be there, without its commit. The next batch must not stand behind it.
    has_tail_ = true;
    if (::ftruncate(file_.number(), static_cast<off_t>(size_)) == 0) has_tail_ = false;
    return written;
  }
  size_ += text.size();
  return {};
}

Result<void> JournalFile::set_aside(const std::string& path) {
  if (size_ == 0) return {};
  if (auto ready = make_ready(); !ready) return ready;
  if (::rename(path_.c_str(), path.c_str()) != 0) return Failure<>{io::file_error(path_, errno)};
  file_ = io::Fd{};
  size_ = 0;
  return {};
}

}  // namespace porter::manifests
