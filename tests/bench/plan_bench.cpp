// SPDX-License-Identifier: Apache-2.0
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "plan/test_scene.hpp"

// What a change costs the planner at the size promised, 10,000 Services, without sockets and files.
// The argument is the number of nodes.
namespace porter::plan {
namespace {

constexpr int kServices = 10'000;
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
  explicit World(std::int64_t nodes) {
    for (std::int64_t i = 1; i <= nodes; ++i)
      scene.put(node(i, model::Tristate::True));
    scene.put(test::eip("lan", "10.128.0.0/16"));
    scene.put(test::conf());
    model::BgpPeer peer = test::peer("tor-a", "172.30.0.254");
    peer.ebgp_multihop = true;
    scene.put(peer);
    scene.see(test::established("tor-a"));
    for (int i = 0; i < kServices; ++i) {
      const std::string name = fmt::format("default/s{:05}", i);
      scene.put(test::service(name));
      scene.put(test::slice(name + "-1", name.substr(name.find('/') + 1),
                            {{node_name(1), "10.1.0.1"}, {node_name(2), "10.2.0.1"}}));
    }
    scene.run(kBudget);
    PORTER_ASSERT(scene.applied.routes.size() == kServices);
  }
  void settle() {
    scene.last_step.clear();
    scene.run(kBudget);
  }

  test::Scene scene;
};

// Every route loses, or wins, a next hop.
void node_changes(benchmark::State& state) {
  World world{state.range(0)};
  bool is_ready = true;
  for (auto step : state) {
    is_ready = !is_ready;
    world.scene.put(node(1, is_ready ? model::Tristate::True : model::Tristate::False));
    world.settle();
  }
}

void endpoint_moves(benchmark::State& state) {
  World world{state.range(0)};
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

BENCHMARK(node_changes)->Arg(3)->Arg(200)->Unit(benchmark::kMillisecond);
BENCHMARK(endpoint_moves)->Arg(3)->Arg(200)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace porter::plan

BENCHMARK_MAIN();
