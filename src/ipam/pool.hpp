// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <vector>

#include "ipam/count.hpp"
#include "model/eip.hpp"

namespace porter::ipam {

// The addresses of one Eip and which of them are taken. Memory and time follow the number of ranges
// and of taken addresses, never the size of the pool.
//
// The ranges less `exclude` are the spans that the pool gives from; with `usingKnownIPs: false` the
// IPv4 addresses that end in .0 and .255 are stepped over as well. Taken addresses are kept as runs
// of neighbours, in terms of what the pool gives: 10.0.0.254 and 10.0.1.1 are neighbours where .255
// and .0 are stepped over. So the lowest free address is behind at most one run, and a full pool is
// one run.
class Pool {
 public:
  explicit Pool(const model::Eip& eip);

  [[nodiscard]] bool contains(const Address& address) const;  // `exclude` does not count
  [[nodiscard]] bool gives(
      const Address& address) const;  // contained and neither excluded nor skipped
  [[nodiscard]] bool skips(const Address& address) const;  // for usingKnownIPs: false
  [[nodiscard]] bool has(Family family) const;             // contains addresses of this family
  [[nodiscard]] const std::vector<Range>& ranges() const { return ranges_; }  // sorted, as written

  // An address the pool does not give is passed over in silence; so is one taken, or freed, twice.
  void take(const Address& address);
  void free(const Address& address);
  [[nodiscard]] std::optional<Address> lowest_free(Family family) const;
  // The lowest address >= `from` that the pool gives, taken or not, of the family of `from`.
  [[nodiscard]] std::optional<Address> given_from(const Address& from) const;

  [[nodiscard]] const Count& size() const { return size_; }      // every address in it
  [[nodiscard]] const Count& usable() const { return usable_; }  // that it gives
  [[nodiscard]] Count usable(Family family) const;
  [[nodiscard]] Count free_count() const;

 private:
  [[nodiscard]] std::optional<Address> given_after(const Address& address) const;
  [[nodiscard]] std::optional<Address> given_before(const Address& address) const;
  [[nodiscard]] Count usable_of(const Range& span) const;
  [[nodiscard]] std::optional<Address> first_of(Family family) const;

  bool skip_known_;
  std::vector<Range> ranges_;
  std::vector<Range> spans_;          // ranges less exclude, sorted, disjoint
  std::map<Address, Address> taken_;  // first -> last of a run
  Uint128 taken_count_ = 0;
  Count size_;
  Count usable_;
};

}  // namespace porter::ipam
