// SPDX-License-Identifier: Apache-2.0
#include "ipam/pool.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

namespace porter::ipam {
namespace {

Uint128 largest(Family family) {
  return family == Family::V4 ? Uint128{std::numeric_limits<std::uint32_t>::max()}
                              : std::numeric_limits<Uint128>::max();
}

std::optional<Address> next_of(const Address& address) {
  if (address.number() == largest(address.family())) return std::nullopt;
  return Address::from_number(address.family(), address.number() + 1);
}

std::optional<Address> previous_of(const Address& address) {
  if (address.number() == 0) return std::nullopt;
  return Address::from_number(address.family(), address.number() - 1);
}

bool ends_in_0_or_255(const Address& address) {
  const std::uint32_t octet = address.v4_bits() & 0xFFU;
  return octet == 0 || octet == 0xFF;
}

// How many of 0..last end in .0 or .255.
Uint128 known_up_to(Uint128 last) {
  return last / 256 + 1 + (last + 1) / 256;
}

Range range_of(const Address& first, const Address& last) {
  const Result<Range> range = Range::make(first, last);
  PORTER_ASSERT(range.has_value());
  return *range;
}

// The sorted list with overlaps merged; neighbours stay apart.
std::vector<Range> merged(std::vector<Range> ranges) {
  std::sort(ranges.begin(), ranges.end());
  std::vector<Range> out;
  for (const Range& range : ranges) {
    if (!out.empty() && out.back().overlaps(range)) {
      out.back() = range_of(out.back().first(), std::max(out.back().last(), range.last()));
    } else {
      out.push_back(range);
    }
  }
  return out;
}

// What is left of `range` without the sorted, disjoint `holes`.
void subtract(const Range& range, const std::vector<Range>& holes, std::vector<Range>& out) {
  Address from = range.first();
  auto hole = std::partition_point(holes.begin(), holes.end(),
                                   [&](const Range& each) { return each.last() < from; });
  for (; hole != holes.end() && hole->first() <= range.last(); ++hole) {
    if (hole->first() > from) {
      const std::optional<Address> last = previous_of(hole->first());
      if (last) out.push_back(range_of(from, *last));
    }
    const std::optional<Address> next = next_of(hole->last());
    if (hole->last() >= range.last() || !next) return;
    from = *next;
  }
  out.push_back(range_of(from, range.last()));
}

// The first range whose end is not before the address.
auto reaching(const std::vector<Range>& ranges, const Address& address) {
  return std::partition_point(ranges.begin(), ranges.end(),
                              [&](const Range& range) { return range.last() < address; });
}

bool any_contains(const std::vector<Range>& ranges, const Address& address) {
  const auto range = reaching(ranges, address);
  return range != ranges.end() && range->contains(address);
}

}  // namespace

Pool::Pool(const model::Eip& eip)
    : skip_known_{!eip.using_known_ips}, ranges_{merged(eip.addresses)} {
  const std::vector<Range> holes = merged(eip.exclude);
  for (const Range& range : ranges_) {
    size_ += Count::of(range);
    subtract(range, holes, spans_);
  }
  for (const Range& span : spans_)
    usable_ += usable_of(span);
}

bool Pool::contains(const Address& address) const {
  return any_contains(ranges_, address);
}

bool Pool::skips(const Address& address) const {
  return skip_known_ && address.is_v4() && ends_in_0_or_255(address);
}

bool Pool::gives(const Address& address) const {
  return !skips(address) && any_contains(spans_, address);
}

bool Pool::has(Family family) const {
  return std::any_of(ranges_.begin(), ranges_.end(),
                     [&](const Range& range) { return range.family() == family; });
}

void Pool::take(const Address& address) {
  if (!gives(address)) return;
  auto next = taken_.upper_bound(address);
  const auto before = next == taken_.begin() ? taken_.end() : std::prev(next);
  if (before != taken_.end() && before->second >= address) return;
  ++taken_count_;
  Address first = address;
  Address last = address;
  const std::optional<Address> left = given_before(address);
  const bool joins_left = left && before != taken_.end() && before->second == *left;
  if (joins_left) first = before->first;
  const std::optional<Address> right = given_after(address);
  if (right && next != taken_.end() && next->first == *right) {
    last = next->second;
    taken_.erase(next);
  }
  taken_.insert_or_assign(first, last);
}

void Pool::free(const Address& address) {
  const auto behind = taken_.upper_bound(address);
  if (behind == taken_.begin()) return;
  const auto run = std::prev(behind);
  if (run->second < address || !gives(address)) return;
  --taken_count_;
  const auto [first, last] = *run;
  taken_.erase(run);
  if (first < address) taken_.emplace(first, given_before(address).value_or(first));
  if (address < last) taken_.emplace(given_after(address).value_or(last), last);
}

std::optional<Address> Pool::lowest_free(Family family) const {
  const std::optional<Address> first = first_of(family);
  if (!first) return std::nullopt;
  const auto behind = taken_.upper_bound(*first);
  if (behind == taken_.begin() || std::prev(behind)->second < *first) return first;
  const std::optional<Address> free = given_after(std::prev(behind)->second);
  if (!free || free->family() != family) return std::nullopt;
  return free;
}

std::optional<Address> Pool::given_from(const Address& from) const {
  std::optional<Address> at;
  if (gives(from)) {
    at = from;
  } else {
    at = given_after(from);
  }
  if (!at || at->family() != from.family()) return std::nullopt;
  return at;
}

Count Pool::usable(Family family) const {
  Count count;
  for (const Range& span : spans_) {
    if (span.family() == family) count += usable_of(span);
  }
  return count;
}

Count Pool::free_count() const {
  Count count = usable_;
  count -= Count{taken_count_};
  return count;
}

// Across families too: a run may reach from the last IPv4 address into the first IPv6 one.
std::optional<Address> Pool::given_after(const Address& address) const {
  for (auto span = reaching(spans_, address); span != spans_.end(); ++span) {
    std::optional<Address> at = span->first();
    if (span->first() <= address) at = next_of(address);
    while (at && skips(*at))
      at = next_of(*at);
    if (at && *at <= span->last()) return at;
  }
  return std::nullopt;
}

std::optional<Address> Pool::given_before(const Address& address) const {
  auto span = std::partition_point(spans_.begin(), spans_.end(),
                                   [&](const Range& range) { return range.first() < address; });
  while (span != spans_.begin()) {
    --span;
    std::optional<Address> at = span->last();
    if (span->last() >= address) at = previous_of(address);
    while (at && skips(*at))
      at = previous_of(*at);
    if (at && *at >= span->first()) return at;
  }
  return std::nullopt;
}

Count Pool::usable_of(const Range& span) const {
  Count count = Count::of(span);
  if (skip_known_ && span.family() == Family::V4) {
    const Uint128 first = span.first().number();
    Uint128 known = known_up_to(span.last().number());
    if (first > 0) known -= known_up_to(first - 1);
    count -= Count{known};
  }
  return count;
}

std::optional<Address> Pool::first_of(Family family) const {
  return given_from(Address::from_number(family, 0));
}

}  // namespace porter::ipam
