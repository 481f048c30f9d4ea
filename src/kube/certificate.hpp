// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

// X.509 for the webhooks: making certificates and reading them. When one is due is decided in
// certificate_plan.hpp.
namespace porter::kube {

using UnixTime = std::int64_t;  // seconds

// What a server shows, and the one certificate that a client has to trust for it. All PEM; `key` is
// secret: never to be printed.
struct Leaf {
  std::string certificate;
  std::string key;
  std::string authority;
  UnixTime not_before = 0;
  UnixTime not_after = 0;
  friend bool operator==(const Leaf&, const Leaf&) = default;
};

struct LeafRequest {
  std::vector<std::string> names;  // DNS names and IP addresses
  UnixTime not_before = 0;
  UnixTime not_after = 0;
};

// A certificate (ECDSA P-256) signed by an authority of its own, whose key is forgotten: who reads
// the Secret can be the server, and sign nothing.
[[nodiscard]] Result<Leaf> make_leaf(const LeafRequest& request);

// Certificate and key as they were found, and which of `authorities` signed it. An Error says why a
// server for `name` cannot use them: no PEM, another key, other names, nobody of these signed it.
[[nodiscard]] Result<Leaf> read_leaf(const std::string& certificate, const std::string& key,
                                     const std::vector<std::string>& authorities,
                                     const std::string& name);

// The certificates of a PEM text, each written anew; what is none is left out.
[[nodiscard]] std::vector<std::string> certificates_in(std::string_view text);

}  // namespace porter::kube
