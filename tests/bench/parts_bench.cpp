// SPDX-License-Identifier: Apache-2.0
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "bgp/update.hpp"
#include "bgp/update_packer.hpp"
#include "ipam/allocator.hpp"
#include "manifests/yaml.hpp"

// The parts that work on one thing at a time, and how their cost grows with how much there is: the
// fits say O(n) of an UPDATE and of a document, and next to nothing of a pool that fills.
namespace porter {
namespace {

constexpr std::size_t kHeader = 19;

// One UPDATE with so many /32s.
std::vector<std::uint8_t> update_of(std::int64_t prefixes) {
  bgp::Rib rib;
  bgp::Path path;
  path.id = 1;
  path.next_hop = Address::v4(0xc0a80001U);
  path.attributes.communities = {0xfde80064U, 0xffff0000U};
  bgp::Encoding encoding;
  encoding.local_as = Asn{65000};
  encoding.families = {.v4 = true, .v6 = true};
  encoding.message_size = 65'535;  // RFC 8654: one message whatever the size
  bgp::UpdatePacker packer{rib, encoding};
  for (std::int64_t i = 0; i < prefixes; ++i) {
    const Prefix prefix = Prefix::host(Address::v4(0x0a000000U + static_cast<std::uint32_t>(i)));
    rib.set(prefix, {&path, 1});
    for (const bgp::Exported& each : bgp::exported(rib, encoding, prefix))
      packer.announce(prefix, each);
  }
  return packer.finish().octets;
}

void decode_update(benchmark::State& state) {
  const std::vector<std::uint8_t> octets = update_of(state.range(0));
  bgp::UpdateContext context;
  context.families = {.v4 = true, .v6 = true};
  for (auto step : state) {
    auto update = bgp::decode_update(Bytes{octets}.subspan(kHeader), context);
    if (!update || update->announced.size() != static_cast<std::size_t>(state.range(0)))
      state.SkipWithError("not what was encoded");
    benchmark::DoNotOptimize(update);
  }
  state.SetComplexityN(state.range(0));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(decode_update)->RangeMultiplier(4)->Range(16, 4096)->Complexity(benchmark::oN);

// One Service takes the lowest free address of a pool in which so many are taken, and leaves.
void take_and_leave(benchmark::State& state) {
  ipam::Allocator allocator;
  model::Eip eip;
  eip.meta.name.name = "lan";
  eip.addresses.push_back(*Range::parse("10.0.0.0/8"));
  allocator.set_pool(eip);
  const auto holder = [](std::int64_t i) {
    return model::Holder{.service = {.ns = "shop", .name = fmt::format("s{}", i)},
                         .uid = fmt::format("uid-{}", i)};
  };
  const auto take = [&](const model::Holder& who) {
    const Address address = *allocator.lowest_free(*allocator.pool("lan"), Family::V4);
    allocator.take(address, "lan", who, {}, 0);
    for (const ipam::Unsent& each : allocator.take_unsent())
      (void)allocator.answered(each.address, each.revision);
    return address;
  };
  for (std::int64_t i = 0; i < state.range(0); ++i)
    (void)take(holder(i));
  TimePoint now{};
  for (auto step : state) {
    const model::Holder who = holder(-1);
    const Address address = take(who);
    allocator.leave(address, who.service, now);
    for (const ipam::Unsent& each : allocator.take_unsent())
      (void)allocator.answered(each.address, each.revision);
    now += 2 * ipam::Allocator::kCooling;
    allocator.cool_down(now);
  }
  state.SetComplexityN(state.range(0));
}
BENCHMARK(take_and_leave)->RangeMultiplier(10)->Range(10, 100'000)->Complexity(benchmark::oLogN);

// A Service with so many ports.
void parse_yaml(benchmark::State& state) {
  std::string text =
      "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec:\n"
      "  type: LoadBalancer\n  ports:\n";
  for (std::int64_t i = 0; i < state.range(0); ++i)
    text += fmt::format("  - {{name: p{}, port: {}, protocol: TCP}}\n", i, 1024 + i);
  for (auto step : state) {
    auto tree = manifests::parse_document(text);
    if (!tree) state.SkipWithError("not YAML");
    benchmark::DoNotOptimize(tree);
  }
  state.SetComplexityN(state.range(0));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(parse_yaml)->RangeMultiplier(4)->Range(1, 4096)->Complexity(benchmark::oN);

}  // namespace
}  // namespace porter

BENCHMARK_MAIN();
