// SPDX-License-Identifier: Apache-2.0
#include <boost/crc.hpp>

#include "speaker/restart_state.hpp"

namespace {

using namespace porter;           // NOLINT(google-build-using-namespace): a program of its own
using namespace porter::speaker;  // NOLINT(google-build-using-namespace)

constexpr std::string_view kBoot = "boot";

void look_into(Bytes file) {
  const Result<RestartState> state = decode_restart_file(file, kBoot);
  if (!state) return;
  const std::vector<std::uint8_t> again = encode_restart_file(*state, kBoot);
  if (decode_restart_file(again, kBoot) != *state) __builtin_trap();
}

}  // namespace

// As it stands; and as what lies between a good header and a checksum that fits, since no mutation
// finds one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* octets, std::size_t size) {
  look_into({octets, size});
  std::vector<std::uint8_t> file = encode_restart_file({}, kBoot);
  file.resize(file.size() - 9);  // the header
  file.insert(file.end(), octets, octets + size);
  boost::crc_32_type checksum;
  checksum.process_bytes(file.data(), file.size());
  ByteWriter{file}.put(static_cast<std::uint32_t>(checksum.checksum()));
  look_into(file);
  return 0;
}
