// SPDX-License-Identifier: Apache-2.0
#include "cluster/recorder.hpp"

#include <string>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::cluster {
namespace {

using kube::TestServer;
using manifests::Bench;

const Address kAddress = *Address::parse("192.0.2.1");
const model::ObjectKey kKey{.kind = model::Kind::EipAddress,
                            .name = {.ns = {}, .name = "192.0.2.1"}};
constexpr const char* kPath = "/apis/network.kubesphere.io/v1alpha2/eipaddresses";

TestServer::Answer answer(unsigned code, const std::string& body) {
  return {.bytes = kube::http_answer(code, body)};
}

std::string object(const std::string& version, const std::string& service = "web") {
  return fmt::format(
      R"({{"apiVersion":"network.kubesphere.io/v1alpha2","kind":"EipAddress",)"
      R"("metadata":{{"name":"192.0.2.1","uid":"e-1","resourceVersion":"{}"}},)"
      R"("spec":{{"address":"192.0.2.1","eip":"lan","services":[{{"namespace":"shop","name":"{}","uid":"u"}}]}}}})",
      version, service);
}

struct Scene {
  explicit Scene(TestServer::Handler handler) : server{bench, std::move(handler)} {
    client = kube::open_client(bench, worker,
                               kube::access_to(fmt::format("http://127.0.0.1:{}", server.port())),
                               kube::quick_options());
    writer = std::make_unique<kube::Writer>(bench.context.get_executor(), *client,
                                            kube::Writer::Options{}, [] {});
    source =
        std::make_unique<Source>(bench.context.get_executor(), *client, std::vector<model::Kind>{},
                                 Source::Statuses::Told, 1, [](const plan::Fact&) {});
    recorder = std::make_unique<Recorder>(
        *writer, *source,
        Recorder::Hooks{.fact = [this](plan::Fact fact) { facts.push_back(std::move(fact)); },
                        .uid_of = [this](const model::ObjectKey&) { return uid; },
                        .may_act = [this] { return leads; }});
    writer->start();
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;
  ~Scene() {
    kube::finish(bench, writer->stop());
    kube::finish(bench, bench.tasks.stop());
  }

  void record(std::uint64_t revision, bool is_wanted = true) const {
    plan::Record change{.address = kAddress, .value = std::nullopt, .revision = revision};
    if (is_wanted) {
      model::EipAddress& value = change.value.emplace();
      value.address = kAddress;
      value.eip = "lan";
      value.services = {{.service = {.ns = "shop", .name = "web"}, .uid = "u"}};
    }
    recorder->apply({change});
  }
  [[nodiscard]] bool wait_for_facts(std::size_t count) {
    return bench.run_until([&] { return facts.size() >= count; });
  }
  [[nodiscard]] std::string request(std::size_t i) const {
    return server.seen().at(i).method + " " + server.seen().at(i).target;
  }

  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::unique_ptr<kube::Client> client;
  std::unique_ptr<kube::Writer> writer;
  std::unique_ptr<Source> source;
  std::unique_ptr<Recorder> recorder;
  std::vector<plan::Fact> facts;
  std::string uid = "u-1";
  bool leads = true;
  TestServer server;
};

TEST(Recorder, CreatesUpdatesAndDeletesOneAfterTheOther) {
  int version = 6;
  Scene scene{
      [&](const TestServer::Seen&) { return answer(200, object(std::to_string(++version))); }};
  scene.record(1);
  scene.record(2);  // waits for the answer to the first
  ASSERT_TRUE(scene.wait_for_facts(2));
  scene.record(3, false);
  ASSERT_TRUE(scene.wait_for_facts(3));
  ASSERT_EQ(scene.server.seen().size(), 3U);
  EXPECT_EQ(scene.request(0), std::string{"POST "} + kPath);
  EXPECT_EQ(scene.request(1), std::string{"PUT "} + kPath + "/192.0.2.1");
  EXPECT_NE(scene.server.seen()[1].body.find(R"("resourceVersion":"7")"), std::string::npos);
  EXPECT_EQ(scene.request(2), std::string{"DELETE "} + kPath + "/192.0.2.1");
  EXPECT_NE(scene.server.seen()[2].body.find(R"("resourceVersion":"8")"), std::string::npos);
  for (std::size_t i = 0; i < 3; ++i)
    EXPECT_EQ(std::get<plan::Recorded>(scene.facts[i]).revision, i + 1);
  EXPECT_EQ(scene.source->version_of(kKey), "");
}

TEST(Recorder, TellsWhoWasFaster) {
  Scene scene{[&](const TestServer::Seen& seen) {
    return seen.method == "POST" ? answer(409, R"({"kind":"Status","code":409})")
                                 : answer(200, object("4", "api"));
  }};
  scene.record(1);
  ASSERT_TRUE(scene.wait_for_facts(1));
  const auto& refused = std::get<plan::RecordRefused>(scene.facts[0]);
  EXPECT_EQ(refused.revision, 1U);
  ASSERT_TRUE(refused.actual.has_value());
  EXPECT_EQ(refused.actual->services.at(0).service.name, "api");
  EXPECT_EQ(scene.source->version_of(kKey), "4");
}

TEST(Recorder, TakesItsOwnCreationWhoseAnswerWasLost) {
  Scene scene{[&](const TestServer::Seen& seen) {
    return seen.method == "POST" ? answer(409, R"({"kind":"Status","code":409})")
                                 : answer(200, object("4"));
  }};
  scene.record(1);
  ASSERT_TRUE(scene.wait_for_facts(1));
  EXPECT_TRUE(std::holds_alternative<plan::Recorded>(scene.facts[0]));
}

TEST(Recorder, WritesNothingWithoutTheRightTo) {
  Scene scene{[&](const TestServer::Seen&) { return answer(200, object("7")); }};
  scene.leads = false;
  scene.record(1);
  scene.recorder->retry();
  EXPECT_EQ(scene.writer->waiting(), 0U);
  scene.leads = true;
  scene.recorder->retry();
  ASSERT_TRUE(scene.wait_for_facts(1));
  EXPECT_EQ(scene.server.seen().size(), 1U);
}

TEST(Recorder, MakesAnAddressAnewThatSomebodyDeletedUnderIt) {
  Scene scene{[&](const TestServer::Seen& seen) {
    return seen.method == "PUT" ? answer(404, R"({"kind":"Status","code":404})")
                                : answer(200, object("9"));
  }};
  scene.source->written(kKey, "3");
  scene.record(1);
  ASSERT_TRUE(scene.wait_for_facts(1));
  ASSERT_EQ(scene.server.seen().size(), 2U);
  EXPECT_EQ(scene.request(1), std::string{"POST "} + kPath);
}

TEST(Recorder, AppliesAStatusToTheObjectItWasDecidedOn) {
  bool is_first = true;
  Scene scene{[&](const TestServer::Seen& seen) {
    if (seen.method == "PATCH" && std::exchange(is_first, false))
      return answer(409, R"({"kind":"Status","code":409})");
    return answer(200, R"({"metadata":{"uid":"u-1","resourceVersion":"12"}})");
  }};
  const model::ObjectKey web{.kind = model::Kind::Service, .name = {.ns = "shop", .name = "web"}};
  scene.source->written(web, "11");
  scene.recorder->apply(
      {plan::StatusWanted{.key = web, .status = Tree::map().set("loadBalancer", Tree::map())}});
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.server.seen().size() == 3; }));
  EXPECT_EQ(scene.request(0),
            "PATCH /api/v1/namespaces/shop/services/web/status?fieldManager=porter-controller"
            "&force=true");
  EXPECT_NE(scene.server.seen()[0].body.find(R"("uid":"u-1","resourceVersion":"11")"),
            std::string::npos);
  EXPECT_NE(scene.server.seen()[2].body.find(R"("resourceVersion":"12")"), std::string::npos);
}

TEST(Recorder, TakesItsFinalizerOffWhateverOthersDidMeanwhile) {
  bool is_first = true;
  Scene scene{[&](const TestServer::Seen& seen) {
    if (seen.method == "PATCH" && std::exchange(is_first, false))
      return answer(409, R"({"kind":"Status","code":409})");
    return answer(200, R"({"metadata":{"uid":"u-1","resourceVersion":"12",)"
                       R"("deletionTimestamp":"2024-05-01T10:00:00Z",)"
                       R"("finalizers":["a/b","network.kubesphere.io/addresses-in-use"]}})");
  }};
  const model::ObjectKey lan{.kind = model::Kind::Eip, .name = {.ns = {}, .name = "lan"}};
  scene.recorder->apply({plan::FinalizersWanted{.key = lan, .is_held = false, .list = {}}});
  ASSERT_TRUE(scene.bench.run_until([&] { return scene.server.seen().size() == 3; }));
  EXPECT_EQ(scene.request(0), "PATCH /apis/network.kubesphere.io/v1alpha2/eips/lan");
  EXPECT_EQ(scene.server.seen()[0].body, R"({"metadata":{"uid":"u-1","finalizers":[]}})");
  EXPECT_EQ(scene.server.seen()[2].body,
            R"({"metadata":{"uid":"u-1","resourceVersion":"12","finalizers":["a/b"]}})");
}

TEST(Recorder, DoesNotRepeatAFinalizerThatIsOnItsWay) {
  Scene scene{[&](const TestServer::Seen&) { return answer(200, "{}"); }};
  const model::ObjectKey lan{.kind = model::Kind::Eip, .name = {.ns = {}, .name = "lan"}};
  const plan::FinalizersWanted wanted{.key = lan, .is_held = true, .list = {"a/b"}};
  scene.recorder->apply({wanted, wanted});
  scene.record(1);
  ASSERT_TRUE(scene.wait_for_facts(1));
  EXPECT_EQ(scene.server.seen().size(), 2U);
}

TEST(Recorder, ForgetsTheStatusOfWhatIsGone) {
  Scene scene{[&](const TestServer::Seen&) { return answer(200, "{}"); }};
  scene.uid.clear();
  scene.recorder->apply(
      {plan::StatusWanted{.key = {.kind = model::Kind::Eip, .name = {.ns = {}, .name = "lan"}},
                          .status = Tree::map()}});
  scene.recorder->retry();
  EXPECT_EQ(scene.writer->waiting(), 0U);
}

}  // namespace
}  // namespace porter::cluster
