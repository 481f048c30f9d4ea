// SPDX-License-Identifier: Apache-2.0
#include "manifests/state_files.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <functional>
#include <sys/file.h>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "manifests/yaml.hpp"
#include "model/encode.hpp"

namespace porter::manifests {
namespace {

using model::ObjectKey;
using model::Problem;

constexpr std::size_t kLargestStateFile = 1U << 20U;
constexpr std::size_t kMostStateFiles = 1'000'000;
constexpr std::size_t kLongestName = 200;  // octets; file systems take 255
constexpr std::string_view kYaml = ".yaml";

ObjectKey key_of(const Address& address) {
  return {.kind = model::Kind::EipAddress,
          .name = {.ns = {}, .name = model::eip_address_name(address)}};
}

plan::ProblemsSeen unreadable(const Address& address, const std::string& file, std::string why,
                              unsigned line) {
  Problem problem{.severity = Problem::Severity::Error,
                  .reason = "Invalid",
                  .field = {},
                  .message = std::move(why) +
                             "; the address stays reserved until the file is repaired or deleted",
                  .line = line};
  return {.key = key_of(address), .where = file, .problems = {std::move(problem)}};
}

// The EipAddress of a file, or why it is none.
tl::expected<model::EipAddress, plan::ProblemsSeen> read_address(const std::string& path,
                                                                 const Address& address) {
  const auto refuse = [&](std::string why, unsigned line) {
    return tl::unexpected{unreadable(address, path, std::move(why), line)};
  };
  const auto file = io::read_file(path, kLargestStateFile);
  if (!file) return refuse(file.error().message, 0);
  const auto tree = parse_document(file->text);
  if (!tree) return refuse(to_string(tree.error()), tree.error().line);
  auto decoded = model::decode(*tree);
  if (!decoded.object) {
    const bool has_words = !decoded.problems.empty();
    return refuse(has_words ? decoded.problems.front().message : "not an EipAddress",
                  has_words ? decoded.problems.front().line : 1);
  }
  auto* const value = std::get_if<model::EipAddress>(&*decoded.object);
  if (value == nullptr || value->address != address)
    return refuse("not the EipAddress of " + to_string(address), 1);
  return std::move(*value);
}

model::EipAddress reservation_of(const Address& address) {
  model::EipAddress value;
  value.meta.name.name = model::eip_address_name(address);
  value.meta.uid = value.meta.name.name;
  value.meta.written_as = model::ApiVersion::V1alpha2;
  value.address = address;
  return value;
}

std::string file_name_of(std::string_view text) {
  std::string name;
  for (const char c : text) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
    if (is_plain && !(c == '.' && name.empty())) {
      name += c;
    } else {
      name += fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
  }
  if (name.size() <= kLongestName) return name;
  return fmt::format("{}-{:016x}", name.substr(0, kLongestName - 17),
                     std::hash<std::string_view>{}(text));
}

}  // namespace

StatePaths::StatePaths(std::string folder)
    : root{std::move(folder)},
      addresses{root + "/addresses"},
      journal{root + "/addresses.journal"},
      old_journal{journal + ".old"},
      path_ids{root + "/path-ids"},
      status{root + "/status"},
      lock{root + "/lock"} {}

Result<io::Fd> lock_folder(const StatePaths& paths) {
  // The lock is on the folder, which works where nothing can be written; the file tells people
  // whose it is.
  io::Fd folder{::open(paths.root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  if (!folder.is_open()) return Failure<>{io::file_error(paths.root, errno)};
  if (::flock(folder.number(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return Failure<>{io::file_error(paths.root, errno)};
    const auto holder = io::read_file(paths.lock, 64);
    std::string who = holder ? holder->text : "unknown";
    who.resize(std::min(who.find_first_not_of("0123456789unkow"), who.size()));
    return fail(Errc::Conflict,
                fmt::format("{}: in use by another porter, process {}; give each its own --state",
                            paths.root, who));
  }
  const io::Fd note{
      ::open(paths.lock.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644)};
  if (note.is_open()) {
    const auto written = io::write_all(note.number(), fmt::format("{}\n", ::getpid()), paths.lock);
    static_cast<void>(written);  // for people; the lock holds without it
  }
  return folder;
}

Result<StoredAddresses> load_addresses(const std::string& folder) {
  StoredAddresses stored;
  auto entries = io::list_folder(folder, kMostStateFiles);
  if (!entries && entries.error().code == Errc::NotFound) return stored;
  if (!entries) return Failure<>{std::move(entries.error())};
  std::sort(entries->begin(), entries->end(),
            [](const io::Listed& left, const io::Listed& right) { return left.name < right.name; });
  for (const io::Listed& entry : *entries) {
    std::string_view name = entry.name;
    if (!name.ends_with(kYaml)) continue;
    name.remove_suffix(kYaml.size());
    const auto address = model::address_of_name(name);
    if (!address) continue;  // not one of ours
    const std::string path = fmt::format("{}/{}", folder, entry.name);
    auto value = read_address(path, *address);
    if (!value) stored.problems.push_back(std::move(value.error()));
    stored.values.insert_or_assign(*address, value ? *std::move(value) : reservation_of(*address));
  }
  return stored;
}

std::string address_file(const Address& address) {
  return model::eip_address_name(address).append(kYaml);
}

std::string render(const model::EipAddress& value) {
  return to_yaml(to_tree(value));
}

Result<PathIdsByHop> load_path_ids(const std::string& path) {
  PathIdsByHop ids;
  const auto file = io::read_file(path, 16 * kLargestStateFile);
  if (!file && file.error().code == Errc::NotFound) return ids;
  if (!file) return Failure<>{file.error()};
  std::string_view rest = file->text;
  for (unsigned line = 1; !rest.empty(); ++line) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string_view text = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (text.empty() || text.starts_with('#')) continue;
    const std::size_t blank = std::min(text.find(' '), text.size());
    const auto next_hop = Address::parse(text.substr(0, blank));
    const std::string_view number = text.substr(std::min(blank + 1, text.size()));
    bgp::PathId id = 0;
    const auto [last, error] = std::from_chars(number.data(), number.data() + number.size(), id);
    if (!next_hop || error != std::errc{} || last != number.data() + number.size()) {
      return fail(Errc::Invalid, fmt::format("{}:{}: {}: must be \"NEXT-HOP IDENTIFIER\"", path,
                                             line, shown(text)));
    }
    ids.insert_or_assign(*next_hop, id);
  }
  return ids;
}

std::string render(const PathIdsByHop& ids) {
  std::string text = "# BGP path identifiers (RFC 7911): one next hop, one identifier, for ever.\n";
  for (const auto& [next_hop, id] : ids)
    text += fmt::format("{} {}\n", to_string(next_hop), id);
  return text;
}

std::string status_file(const ObjectKey& key) {
  const std::string name =
      key.name.ns.empty() ? key.name.name : fmt::format("{}_{}", key.name.ns, key.name.name);
  return fmt::format("{}/{}{}", to_string(key.kind), file_name_of(name), kYaml);
}

std::string render_status(const ObjectKey& key, const Tree& status) {
  using model::Kind;
  Tree metadata = Tree::map();
  metadata.set("name", key.name.name);
  if (!key.name.ns.empty()) metadata.set("namespace", key.name.ns);
  const bool is_core = key.kind == Kind::Service || key.kind == Kind::Node ||
                       key.kind == Kind::Namespace || key.kind == Kind::Secret;
  const std::string_view group =
      key.kind == Kind::EndpointSlice ? "discovery.k8s.io/v1" : "network.kubesphere.io/v1alpha2";
  Tree document = Tree::map();
  document.set("apiVersion", is_core ? "v1" : group)
      .set("kind", to_string(key.kind))
      .set("metadata", std::move(metadata))
      .set("status", status);
  return to_yaml(document);
}

std::set<std::string> list_status(const std::string& folder) {
  std::set<std::string> files;
  const auto kinds = io::list_folder(folder, 1'000);
  if (!kinds)
    return files;  // none yet; a folder that cannot be read fails again when it is written to
  for (const io::Listed& kind : *kinds) {
    if (kind.kind != io::FileKind::Folder || !model::kind_named(kind.name)) continue;
    const auto entries = io::list_folder(fmt::format("{}/{}", folder, kind.name), kMostStateFiles);
    if (!entries) continue;
    for (const io::Listed& entry : *entries) {
      if (!entry.name.starts_with('.') && entry.name.ends_with(kYaml))
        files.insert(fmt::format("{}/{}", kind.name, entry.name));
    }
  }
  return files;
}

WriteOutcome write_files(const std::vector<FileWrite>& files, const std::string& root,
                         AlsoSync sync) {
  WriteOutcome outcome;
  for (const FileWrite& file : files) {
    Result<void> written;
    if (!file.text) {
      written = io::remove_file(file.path);
    } else {
      const auto before = io::read_file(file.path, kLargestStateFile);
      if (!before || before->text != *file.text)
        written = io::write_atomically(file.path, *file.text);
      // The first file of its folder, or somebody removed the folder.
      if (!written && written.error().code == Errc::NotFound) {
        written = io::make_folders(file.path.substr(0, file.path.rfind('/')));
        if (written) written = io::write_atomically(file.path, *file.text);
      }
    }
    if (!written) {
      outcome.error = std::move(written.error());
      return outcome;
    }
    ++outcome.done;
  }
  if (sync == AlsoSync::Yes) {
    if (auto synced = io::sync_file_system(root); !synced)
      outcome.error = std::move(synced.error());
  }
  return outcome;
}

}  // namespace porter::manifests
