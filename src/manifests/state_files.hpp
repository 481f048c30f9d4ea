// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.hpp"
#include "bgp/rib.hpp"
#include "io/file.hpp"
#include "model/decode.hpp"
#include "plan/fact.hpp"

// The files of a state folder, and how they read:
//
//   addresses/192.0.2.17.yaml           an EipAddress; IPv6 expanded, with '-' for ':'
//   addresses.journal                   what is newer than those (journal.hpp)
//   addresses.journal.old               the same, while addresses/ catches up
//   path-ids                            "NEXT-HOP IDENTIFIER", a line each
//   status/Service/shop_web.yaml        apiVersion, kind, metadata and status; NAME.yaml without a
//   namespace lock                                held while a Porter runs; the number is its
//   process
namespace porter::manifests {

struct StatePaths {
  explicit StatePaths(std::string folder);
  std::string root;
  std::string addresses;  // "…/addresses"
  std::string journal;
  std::string old_journal;
  std::string path_ids;
  std::string status;
  std::string lock;
};

// Two Porters on one folder would give one address twice. Released when the Fd goes, or the
// process.
[[nodiscard]] Result<io::Fd> lock_folder(const StatePaths& paths);

struct StoredAddresses {
  std::map<Address, model::EipAddress> values;
  // A file that cannot be read: its address is taken for reserved until somebody repairs the file.
  std::vector<plan::ProblemsSeen> problems;
};
[[nodiscard]] Result<StoredAddresses> load_addresses(const std::string& folder);
[[nodiscard]] std::string address_file(const Address& address);  // "192.0.2.17.yaml"
[[nodiscard]] std::string render(const model::EipAddress& value);

using PathIdsByHop = std::map<Address, bgp::PathId>;
[[nodiscard]] Result<PathIdsByHop> load_path_ids(const std::string& path);
[[nodiscard]] std::string render(const PathIdsByHop& ids);

// "Service/shop_web.yaml", of letters, digits, '-', '.', '_' alone and never longer than a name may
// be.
[[nodiscard]] std::string status_file(const model::ObjectKey& key);
[[nodiscard]] std::string render_status(const model::ObjectKey& key, const Tree& status);
[[nodiscard]] std::set<std::string> list_status(const std::string& folder);

// A job for the Worker: each file is written by rename, or removed. It stops at the first that
// fails.
struct FileWrite {
  std::string path;
  std::optional<std::string> text;  // none: remove it
};
struct WriteOutcome {
  std::size_t done = 0;
  std::optional<Error> error;
};
enum class AlsoSync : unsigned char { No, Yes };
[[nodiscard]] WriteOutcome write_files(const std::vector<FileWrite>& files, const std::string& root,
                                       AlsoSync sync);

}  // namespace porter::manifests
