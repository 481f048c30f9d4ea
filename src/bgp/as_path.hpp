// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "bgp/update.hpp"

// AS_PATH and AS4_PATH, for the decoder and encoder of attributes.
namespace porter::bgp {

// A path as it stood in the attribute. The types beyond AsSegment's are gone from `path`; that they
// were there is noted, since what follows from it differs between the two attributes.
struct DecodedPath {
  AsPath path;
  bool has_set = false;            // AS_SET or AS_CONFED_SET (RFC 9774)
  bool has_confederation = false;  // AS_CONFED_SEQUENCE or AS_CONFED_SET (RFC 5065)
};
// The error is the reason: "segment type 9", "ends inside a segment".
[[nodiscard]] Result<DecodedPath, std::string> decode_as_path(Bytes value, AsWidth width);

// RFC 6793 §4.2.3: the front of `path`, as many numbers as AS4_PATH lacks, and then AS4_PATH.
[[nodiscard]] AsPath merge_as4_path(const AsPath& path, const AsPath& as4_path);

// Whether some number needs four octets.
[[nodiscard]] bool needs_four_octets(const AsPath& path);
void encode_as_path(const AsPath& path, AsWidth width, std::vector<std::uint8_t>& out);

}  // namespace porter::bgp
