// SPDX-License-Identifier: Apache-2.0
#include "cluster/webhook_bundle.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kube/test_server.hpp"
#include "watch/item_stream.hpp"

namespace porter::cluster {
namespace {

const WebhookPlace kService{.ns = "porter-system", .service = "porter-webhook", .url = {}};
const WebhookPlace kUrl{
    .ns = "porter-system", .service = "porter-webhook", .url = "https://127.0.0.1:9"};

Tree tree(const std::string& json) {
  const Result<Tree> parsed = watch::parse_json(json);
  EXPECT_TRUE(parsed.has_value());
  return parsed.value_or(Tree{});
}

Tree definition(const std::string& client_config) {
  return tree(R"({"metadata":{"resourceVersion":"7"},"spec":{"conversion":{"strategy":"Webhook",)"
              R"("webhook":{"clientConfig":)" +
              client_config + "}}}}");
}

std::string patch(const Tree& configuration, const WebhookPlace& place) {
  const Result<Tree> made = bundle_patch(configuration, place, "PEM");
  return made ? to_json(*made, 0) : made.error().message;
}

const std::string kOurs = R"("service":{"namespace":"porter-system","name":"porter-webhook"})";
const std::string kTest = R"({"op":"test","path":"/metadata/resourceVersion","value":"7"})";
const std::string kAt = "/spec/conversion/webhook/clientConfig";

TEST(WebhookBundle, PutsTheBundleWhereItIsMissingOrAnother) {
  const std::string wanted =
      "[" + kTest + R"(,{"op":"add","path":")" + kAt + R"(/caBundle","value":"UEVN"}])";
  EXPECT_EQ(patch(definition("{" + kOurs + "}"), kService), wanted);
  EXPECT_EQ(patch(definition("{" + kOurs + R"(,"caBundle":"b2xk"})"), kService), wanted);
}

TEST(WebhookBundle, LeavesAloneWhatIsAsItShouldBe) {
  EXPECT_EQ(patch(definition("{" + kOurs + R"(,"caBundle":"UEVN"})"), kService), "[]");
  EXPECT_EQ(patch(tree(R"({"spec":{"conversion":{"strategy":"None"}}})"), kService), "[]");
}

TEST(WebhookBundle, NamesEveryWebhookOfAConfiguration) {
  const Tree configuration =
      tree(R"({"metadata":{"resourceVersion":"7"},"webhooks":[{"clientConfig":{)" + kOurs +
           R"(,"caBundle":"UEVN"}},{"clientConfig":{)" + kOurs + "}}]}");
  EXPECT_EQ(
      patch(configuration, kService),
      "[" + kTest + R"(,{"op":"add","path":"/webhooks/1/clientConfig/caBundle","value":"UEVN"}])");
}

TEST(WebhookBundle, WritesNothingIntoWhatAsksSomebodyElse) {
  EXPECT_EQ(patch(definition(R"({"service":{"namespace":"other","name":"hook"}})"), kService),
            "asks other/hook and not porter-system/porter-webhook; change it, or --namespace and "
            "--webhook-service");
  EXPECT_EQ(patch(definition(R"({"url":"https://127.0.0.1:9/convert"})"), kService),
            R"(asks https://127.0.0.1:9/convert and not porter-system/porter-webhook; change it, )"
            R"(or --namespace and --webhook-service)");
}

TEST(WebhookBundle, LeavesTheBundleToCertManagerWhereItInjectsOne) {
  Tree configuration = definition("{" + kOurs + R"(,"caBundle":"b2xk"})");
  Tree annotations = Tree::map().set("cert-manager.io/inject-ca-from", "porter-system/webhook");
  configuration.set("metadata", Tree::map().set("annotations", std::move(annotations)));
  EXPECT_EQ(patch(configuration, kService), "[]");
}

TEST(WebhookBundle, AUrlTakesThePlaceOfTheService) {
  EXPECT_EQ(patch(definition("{" + kOurs + R"(,"caBundle":"UEVN"})"), kUrl),
            "[" + kTest + R"(,{"op":"remove","path":")" + kAt +
                R"(/service"},{"op":"add","path":")" + kAt +
                R"(/url","value":"https://127.0.0.1:9/convert"}])");
  EXPECT_EQ(patch(definition(R"({"url":"https://127.0.0.1:9/convert","caBundle":"UEVN"})"), kUrl),
            "[]");
}

TEST(WebhookBundle, TheCertificateIsForTheServiceOrTheUrl) {
  EXPECT_EQ(webhook_host(kService), "porter-webhook.porter-system.svc");
  EXPECT_EQ(webhook_host(kUrl), "127.0.0.1");
  EXPECT_EQ(webhook_host({.ns = {}, .service = {}, .url = "https://[::1]:9443/"}), "::1");
  EXPECT_EQ(webhook_host({.ns = {}, .service = {}, .url = "https://porter.example"}),
            "porter.example");
}

io::Task<> publish_into(WebhookBundle& bundle, bool& is_everywhere) {
  is_everywhere = co_await bundle.publish("PEM");
}

TEST(WebhookBundle, LooksAgainWhereItWasOvertaken) {
  manifests::Bench bench;
  io::Worker worker{bench.context.get_executor()};
  std::size_t refusals = 2;
  kube::TestServer server{
      bench, [&](const kube::TestServer::Seen& seen) {
        if (seen.method == "PATCH" && refusals > 0) {
          --refusals;
          return kube::TestServer::Answer{.bytes = kube::http_answer(422, "{}")};
        }
        return kube::TestServer::Answer{
            .bytes = kube::http_answer(200, to_json(definition("{" + kOurs + "}"), 0))};
      }};
  const auto client = kube::open_client(
      bench, worker, kube::access_to(fmt::format("http://127.0.0.1:{}", server.port())),
      kube::quick_options());
  WebhookBundle bundle{*client, kService};
  bool is_everywhere = false;
  kube::finish(bench, publish_into(bundle, is_everywhere));
  EXPECT_TRUE(is_everywhere);
  EXPECT_EQ(refusals, 0U);
  refusals = 100;  // no end of it: said, and left for the next time
  kube::finish(bench, publish_into(bundle, is_everywhere));
  EXPECT_FALSE(is_everywhere);
  EXPECT_FALSE(bundle.troubles().empty());
  kube::finish(bench, bench.tasks.stop());
}

}  // namespace
}  // namespace porter::cluster
