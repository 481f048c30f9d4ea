// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>
#include <memory>
#include <vector>

#include <benchmark/benchmark.h>

#include "bgp/adj_rib_out.hpp"

// The way of routes to the peers, at the largest sizes promised: 100,000 addresses, 64 like peers.
namespace porter::bgp {
namespace {

constexpr std::uint32_t kPrefixes = 100'000;
constexpr std::size_t kBudget = 65536;

Prefix prefix_of(std::uint32_t number) {
  return Prefix::host(Address::v4(0x0a000000U + number));
}

std::vector<Path> nodes(std::uint32_t first, std::uint32_t count) {
  std::vector<Path> paths(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    paths[i].id = first + i;
    paths[i].next_hop = Address::v4(0xc0a80000U + first + i);
  }
  return paths;
}

Encoding encoding() {
  Encoding made;
  made.local_as = Asn{65000};
  made.families = {.v4 = true, .v6 = true};
  return made;
}

void fill(Rib& rib, std::uint32_t per_prefix, std::uint32_t prefixes = kPrefixes) {
  const std::vector<Path> paths = nodes(1, per_prefix);
  for (std::uint32_t i = 0; i < prefixes; ++i)
    rib.set(prefix_of(i), paths);
}

std::size_t drain(AdjRibOut& out) {
  std::size_t octets = 0;
  for (;;) {
    std::size_t pulled = 0;
    for (const Bytes message : out.pull(kBudget))
      pulled += message.size();
    if (pulled == 0) return octets;
    out.consumed(pulled);
    octets += pulled;
  }
}

void set_new_prefix(benchmark::State& state) {
  const std::vector<Path> paths = nodes(1, static_cast<std::uint32_t>(state.range(0)));
  for (auto step : state) {
    Rib rib;
    for (std::uint32_t i = 0; i < kPrefixes; ++i)
      rib.set(prefix_of(i), paths);
    benchmark::DoNotOptimize(rib.version());
  }
  state.SetItemsProcessed(state.iterations() * kPrefixes);
}
BENCHMARK(set_new_prefix)->Arg(1)->Arg(4)->Unit(benchmark::kMillisecond);

void set_alternating(benchmark::State& state) {
  Rib rib;
  fill(rib, 1);
  const std::vector<Path> paths[] = {nodes(1, 1), nodes(2, 1)};
  std::uint32_t i = 0;
  for (auto step : state) {
    rib.set(prefix_of(i % kPrefixes), paths[i / kPrefixes % 2]);
    ++i;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(set_alternating);

// A full table of equal attributes to the first peer of a group: export, encode, pull.
void table_to_new_peer(benchmark::State& state) {
  Rib rib;
  fill(rib, static_cast<std::uint32_t>(state.range(0)));
  UpdateGroups groups{rib};
  Encoding like = encoding();
  if (state.range(0) > 1) like.add_path = {.v4 = true, .v6 = true};
  like.send_max_v4 = 64;
  std::size_t octets = 0;
  for (auto step : state) {
    AdjRibOut out{groups};
    out.opened(like);
    octets = drain(out);
    out.closed();
  }
  state.counters["octets"] = static_cast<double>(octets);
  state.SetItemsProcessed(state.iterations() * kPrefixes);
}
BENCHMARK(table_to_new_peer)->Arg(1)->Arg(4)->Unit(benchmark::kMillisecond);

// How that grows with the table.
void table_by_prefixes(benchmark::State& state) {
  Rib rib;
  fill(rib, 1, static_cast<std::uint32_t>(state.range(0)));
  UpdateGroups groups{rib};
  for (auto step : state) {
    AdjRibOut out{groups};
    out.opened(encoding());
    benchmark::DoNotOptimize(drain(out));
    out.closed();
  }
  state.SetComplexityN(state.range(0));
}
BENCHMARK(table_by_prefixes)
    ->RangeMultiplier(10)
    ->Range(100, kPrefixes)
    ->Complexity(benchmark::oN)
    ->Unit(benchmark::kMicrosecond);

// Without ADD-PATH one of 32 next hops is chosen for each prefix.
void table_spread_over_nodes(benchmark::State& state) {
  Rib rib;
  fill(rib, 32);
  UpdateGroups groups{rib};
  for (auto step : state) {
    AdjRibOut out{groups};
    out.opened(encoding());
    benchmark::DoNotOptimize(drain(out));
    out.closed();
  }
  state.SetItemsProcessed(state.iterations() * kPrefixes);
}
BENCHMARK(table_spread_over_nodes)->Unit(benchmark::kMillisecond);

void table_to_like_peers(benchmark::State& state) {
  Rib rib;
  fill(rib, 1);
  UpdateGroups groups{rib};
  for (auto step : state) {
    std::vector<std::unique_ptr<AdjRibOut>> peers;
    for (std::int64_t i = 0; i < state.range(0); ++i) {
      peers.push_back(std::make_unique<AdjRibOut>(groups));
      peers.back()->opened(encoding());
    }
    for (const auto& peer : peers)
      benchmark::DoNotOptimize(drain(*peer));
    state.counters["encoded"] = static_cast<double>(groups.find(encoding())->octets_encoded());
  }
}
BENCHMARK(table_to_like_peers)->Arg(1)->Arg(64)->Unit(benchmark::kMillisecond);

// One prefix changes, 64 like peers are told.
void change_to_like_peers(benchmark::State& state) {
  Rib rib;
  fill(rib, 1);
  UpdateGroups groups{rib};
  std::vector<std::unique_ptr<AdjRibOut>> peers;
  for (int i = 0; i < 64; ++i) {
    peers.push_back(std::make_unique<AdjRibOut>(groups));
    peers.back()->opened(encoding());
    (void)drain(*peers.back());
  }
  std::uint32_t i = 0;
  for (auto step : state) {
    rib.set(prefix_of(7), nodes(++i % 2 + 1, 1));
    for (const auto& peer : peers)
      benchmark::DoNotOptimize(drain(*peer));
  }
}
BENCHMARK(change_to_like_peers)->Unit(benchmark::kMicrosecond);

// Heap octets per path: every prefix with a set of paths of its own, or all with the same.
void memory_per_path(benchmark::State& state) {
  constexpr std::uint32_t kPaths = 4;
  const bool shared = state.range(0) != 0;
  for (auto step : state) {
    const std::size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    Rib rib;
    for (std::uint32_t i = 0; i < kPrefixes; ++i) {
      std::vector<Path> paths = nodes(1, kPaths);
      if (!shared) {  // four of 1,000 nodes
        for (std::uint32_t p = 0; p < kPaths; ++p)
          paths[p] = nodes(1 + p * 250 + (i * 2654435761U >> (p * 7)) % 250, 1)[0];
      }
      rib.set(prefix_of(i), paths);
    }
    const std::size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    state.counters["octets_per_path"] = static_cast<double>(after - before) / (kPrefixes * kPaths);
    state.counters["sets"] = static_cast<double>(rib.footprint().path_sets);
  }
}
BENCHMARK(memory_per_path)->Arg(0)->Arg(1)->Iterations(1)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace porter::bgp

BENCHMARK_MAIN();
