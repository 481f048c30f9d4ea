// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "plan/test_scene.hpp"

// What a change costs the planner at the size promised, 10,000 Services, without sockets and files:
// the argument is the number of nodes. And how that grows with the Services, behind three nodes.
namespace porter::plan {
namespace {

constexpr std::int64_t kServices = 10'000;
constexpr std::size_t kBudget = 128;  // as the processes have it

std::string node_name(std::int64_t number) {
  return fmt::format("n{:03}", number);
}

model::Node node(std::int64_t number, model::Tristate ready) {
  const std::string ip = fmt::format("172.30.{}.{}", number / 250, 1 + number % 250);
  model::Node made = test::node(node_name(number), {ip});
  made.ready = ready;
  return made;
}

class World {
 public:
  explicit World(std::int64_t nodes, std::int64_t services = kServices) {
    for (std::int64_t i = 1; i <= nodes; ++i)
      scene.put(node(i, model::Tristate::True));
    scene.put(test::eip("lan", "10.128.0.0/16"));
    scene.put(test::conf());
    model::BgpPeer peer = test::peer("tor-a", "172.30.0.254");
    peer.ebgp_multihop = true;
    scene.put(peer);
    scene.see(test::established("tor-a"));
    for (std::int64_t i = 0; i < services; ++i) {
      const std::string name = fmt::format("default/s{:05}", i);
      scene.put(test::service(name));
      scene.put(test::slice(name + "-1", name.substr(name.find('/') + 1),
                            {{node_name(1), "10.1.0.1"}, {node_name(2), "10.2.0.1"}}));
    }
    scene.run(kBudget);
    PORTER_ASSERT(scene.applied.routes.size() == static_cast<std::size_t>(services));
  }
  void settle() {
    scene.last_step.clear();
    scene.run(kBudget);
  }

  test::Scene scene;
};

// Every route loses, or wins, a next hop.
void change_nodes(benchmark::State& state, World& world) {
  bool is_ready = true;
  for (auto step : state) {
    is_ready = !is_ready;
    world.scene.put(node(1, is_ready ? model::Tristate::True : model::Tristate::False));
    world.settle();
  }
}

void move_endpoints(benchmark::State& state, World& world) {
  std::int64_t on = 1;
  model::Service local = test::service("default/s00007");
  local.traffic_policy = model::TrafficPolicy::Local;
  world.scene.put(local);
  world.settle();
  for (auto step : state) {
    on = 3 - on;
    world.scene.put(test::slice("default/s00007-1", "s00007", {{node_name(on), "10.1.0.1"}}));
    world.settle();
  }
}

void node_changes(benchmark::State& state) {
  World world{state.range(0)};
  change_nodes(state, world);
}

void endpoint_moves(benchmark::State& state) {
  World world{state.range(0)};
  move_endpoints(state, world);
}

void node_changes_by_services(benchmark::State& state) {
  World world{3, state.range(0)};
  change_nodes(state, world);
  state.SetComplexityN(state.range(0));
}

void endpoint_moves_by_services(benchmark::State& state) {
  World world{3, state.range(0)};
  move_endpoints(state, world);
  state.SetComplexityN(state.range(0));
}

BENCHMARK(node_changes)->Arg(3)->Arg(200)->Unit(benchmark::kMillisecond);
BENCHMARK(endpoint_moves)->Arg(3)->Arg(200)->Unit(benchmark::kMicrosecond);
BENCHMARK(node_changes_by_services)
    ->RangeMultiplier(10)
    ->Range(10, kServices)
    ->Complexity(benchmark::oN)
    ->Unit(benchmark::kMicrosecond);
BENCHMARK(endpoint_moves_by_services)
    ->RangeMultiplier(10)
    ->Range(10, kServices)
    ->Complexity(benchmark::oLogN)
    ->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace porter::plan

BENCHMARK_MAIN();
