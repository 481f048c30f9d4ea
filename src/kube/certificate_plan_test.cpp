// SPDX-License-Identifier: Apache-2.0
#include "kube/certificate_plan.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "kube/base64_encode.hpp"
#include "kube/test_server.hpp"
#include "model/time_text.hpp"

namespace porter::kube {
namespace {

using std::chrono::hours;
using Owner = CertificateSeen::Owner;
using Step = CertificateStep;

constexpr UnixTime kNow = 1'800'000'000;
constexpr UnixTime kDay = 86'400;
const std::string kName = "porter-webhook.porter-system.svc";

// One Secret and the replicas that share it, in virtual time.
class Cluster {
 public:
  explicit Cluster(std::size_t replicas, CertificateTimes times = {})
      : replicas_{replicas, CertificatePlan{times, {kName}}}, shown(replicas) {}

  // One replica looks, and writes what it is told to.
  CertificateAdvice look(std::size_t replica) {
    const CertificateSeen seen = read_certificate_secret(secret(), kName);
    CertificatePlan& plan = replicas_[replica];
    CertificateAdvice advice = plan.advise(seen, published, now);
    if (advice.show) shown[replica] = advice.show;
    if (!advice.trust.empty() && may_publish) {
      published = bundle_of(advice.trust);
      advice = plan.advise(seen, published, now);
      if (advice.show) shown[replica] = advice.show;
    }
    if (advice.step != Step::Keep)
      write(plan.data_after(advice.step, seen, fresh(plan, advice), now));
    return advice;
  }
  // Until nobody has anything to write.
  std::vector<Step> settle() {
    std::vector<Step> steps;
    for (std::size_t quiet = 0; quiet < replicas_.size();) {
      for (std::size_t i = 0; i < replicas_.size(); ++i) {
        const Step step = look(i).step;
        quiet = step == Step::Keep ? quiet + 1 : 0;
        if (step != Step::Keep) steps.push_back(step);
      }
    }
    return steps;
  }
  // What the API server asks for at every moment: that it trusts what any replica shows.
  [[nodiscard]] bool is_trusted_everywhere() const {
    return std::all_of(shown.begin(), shown.end(), [this](const auto& leaf) {
      return leaf && published.find(leaf->authority) != std::string::npos && now < leaf->not_after;
    });
  }

  std::map<std::string, std::string> data;
  bool exists = false;
  bool is_ours = true;
  bool may_publish = true;
  UnixTime now = kNow;
  UnixTime since = 0;
  std::string published;

 private:
  std::vector<CertificatePlan> replicas_;

  [[nodiscard]] Tree secret() const {
    if (!exists) return {};
    Tree values = Tree::map();
    for (const auto& [key, value] : data)
      values.set(key, encode_base64(value));
    Tree metadata = Tree::map().set("resourceVersion", "1");
    if (is_ours) metadata.set("labels", Tree::map().set(std::string{kManagedByLabel}, "porter"));
    metadata.set("annotations",
                 Tree::map().set(std::string{kSinceAnnotation}, model::format_time(since)));
    return Tree::map().set("metadata", std::move(metadata)).set("data", std::move(values));
  }
  std::optional<Leaf> fresh(const CertificatePlan& plan, const CertificateAdvice& advice) const {
    if (advice.step != Step::Issue && advice.step != Step::Stage) return std::nullopt;
    return *make_leaf(plan.request(now));
  }
  void write(const CertificatePlan::Data& changes) {
    exists = true;
    since = now;
    for (const auto& [key, value] : changes) {
      if (value) {
        data[key] = *value;
      } else {
        data.erase(key);
      }
    }
  }

 public:
  std::vector<std::optional<Leaf>> shown;
};

TEST(CertificatePlan, TheFirstReplicaMakesOneAndAllShowIt) {
  Cluster cluster{3};
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Issue}));
  EXPECT_TRUE(cluster.is_trusted_everywhere());
  EXPECT_EQ(cluster.shown[0], cluster.shown[2]);
  EXPECT_EQ(cluster.shown[0]->not_after, kNow + 90 * kDay);
}

TEST(CertificatePlan, NothingHappensForTwoThirdsOfItsLife) {
  Cluster cluster{2};
  cluster.settle();
  cluster.now += 59 * kDay;
  EXPECT_EQ(cluster.settle(), std::vector<Step>{});
  cluster.now += 2 * kDay;
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Stage}));
}

TEST(CertificatePlan, TheOldAndTheNewAuthorityStandSideBySideBeforeAndAfterTheChange) {
  Cluster cluster{2};
  cluster.settle();
  const Leaf old = *cluster.shown[0];
  cluster.now += 61 * kDay;
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Stage}));
  EXPECT_EQ(cluster.shown[0], old);
  EXPECT_EQ(certificates_in(cluster.published).size(), 2U);

  cluster.now += 599;
  EXPECT_EQ(cluster.settle(), std::vector<Step>{});
  cluster.now += 1;
  EXPECT_EQ(cluster.look(0).step, Step::Promote);
  EXPECT_EQ(cluster.settle(), std::vector<Step>{});
  EXPECT_NE(cluster.shown[0], old);
  EXPECT_EQ(certificates_in(cluster.published).size(), 2U);

  cluster.now += 600;
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Retire}));
  EXPECT_EQ(cluster.published, cluster.shown[0]->authority);
}

TEST(CertificatePlan, AtNoMomentOfAYearIsAnyReplicaNotTrusted) {
  Cluster cluster{3};
  cluster.settle();
  int promotions = 0;
  // Each looks every 30 s while things change, and never two at once.
  for (const UnixTime end = kNow + 365 * kDay; cluster.now < end;) {
    for (std::size_t i = 0; i < 3; ++i) {
      cluster.now += 10;
      if (cluster.look(i).step == Step::Promote) ++promotions;
      ASSERT_TRUE(cluster.is_trusted_everywhere()) << (cluster.now - kNow) / kDay << " days";
    }
    const bool is_quiet = certificates_in(cluster.data["ca.crt"]).size() == 1;
    if (is_quiet) cluster.now += kDay;
  }
  EXPECT_EQ(promotions, 6);
}

TEST(CertificatePlan, WhileTheBundleCannotBePublishedTheOldOneIsShownUntilItIsAlmostOver) {
  Cluster cluster{1};
  cluster.settle();
  cluster.may_publish = false;
  cluster.published = cluster.shown[0]->authority;
  cluster.now += 61 * kDay;
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Stage}));
  cluster.now += 15 * kDay;
  EXPECT_EQ(cluster.settle(), std::vector<Step>{});
  cluster.now += 6 * kDay;  // nine days before its end
  EXPECT_EQ(cluster.look(0).step, Step::Promote);
}

TEST(CertificatePlan, ASecretThatWasDeletedIsMadeAnewWithoutAGap) {
  Cluster cluster{2};
  cluster.settle();
  const Leaf old = *cluster.shown[0];
  cluster.exists = false;
  cluster.data.clear();
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Stage}));
  EXPECT_EQ(cluster.shown[0], old);
  EXPECT_TRUE(cluster.is_trusted_everywhere());
  cluster.now += 600;
  EXPECT_EQ(cluster.look(1).step, Step::Promote);
  EXPECT_NE(cluster.data["tls.crt"], old.certificate);
}

TEST(CertificatePlan, AfterALongSleepTheNextOneIsTakenAtOnceOrANewOneMade) {
  Cluster cluster{1};
  cluster.settle();
  cluster.now += 61 * kDay;
  cluster.settle();
  cluster.now += 35 * kDay;  // the current one ended, the staged one did not
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Promote}));
  EXPECT_TRUE(cluster.is_trusted_everywhere());
  cluster.now += 400 * kDay;
  EXPECT_EQ(cluster.settle(), (std::vector{Step::Issue}));
  EXPECT_TRUE(cluster.is_trusted_everywhere());
}

TEST(CertificatePlan, GarbageInASecretOfOursIsReplaced) {
  Cluster cluster{1};
  cluster.settle();
  for (const char* const key : {"tls.crt", "tls.key", "ca.crt"}) {
    cluster.data[key] = "garbage";
    EXPECT_EQ(cluster.settle(), (std::vector{Step::Issue})) << key;
    EXPECT_TRUE(cluster.is_trusted_everywhere()) << key;
  }
}

TEST(CertificatePlan, ASecretOfSomebodyElseIsUsedAndNeverWritten) {
  const TestIdentity authority = make_authority("corporate");
  const TestIdentity server = issue(authority, "DNS:" + kName);
  Cluster cluster{2};
  cluster.exists = true;
  cluster.is_ours = false;
  cluster.now = std::chrono::duration_cast<std::chrono::seconds>(
                    std::chrono::system_clock::now().time_since_epoch())
                    .count();
  EXPECT_EQ(cluster.settle(), std::vector<Step>{});  // not filled yet
  EXPECT_FALSE(cluster.shown[0].has_value());
  cluster.data = {
      {"tls.crt", server.certificate}, {"tls.key", server.key}, {"ca.crt", authority.certificate}};
  EXPECT_EQ(cluster.settle(), std::vector<Step>{});
  EXPECT_TRUE(cluster.is_trusted_everywhere());

  // It is renewed by another authority: the old one stays until every replica can have read it.
  const TestIdentity authority2 = make_authority("corporate-2");
  const TestIdentity server2 = issue(authority2, "DNS:" + kName);
  cluster.data = {{"tls.crt", server2.certificate},
                  {"tls.key", server2.key},
                  {"ca.crt", authority2.certificate}};
  EXPECT_EQ(cluster.look(0).step, Step::Keep);
  EXPECT_EQ(cluster.shown[0]->certificate, server2.certificate);
  EXPECT_TRUE(cluster.is_trusted_everywhere());  // the second replica still shows the old one
  cluster.look(1);
  EXPECT_TRUE(cluster.is_trusted_everywhere());
  cluster.now += 600;
  cluster.settle();
  EXPECT_EQ(certificates_in(cluster.published).size(), 1U);
}

TEST(CertificatePlan, ASecretThatCertManagerTookOverIsNotOursAnyMore) {
  const Tree metadata =
      Tree::map()
          .set("labels", Tree::map().set(std::string{kManagedByLabel}, "porter"))
          .set("annotations", Tree::map().set("cert-manager.io/certificate-name", "webhook"));
  EXPECT_EQ(read_certificate_secret(Tree::map().set("metadata", metadata), kName).owner,
            Owner::Other);
}

TEST(CertificatePlan, TimesFollowTheLifetime) {
  EXPECT_EQ(CertificateTimes{}.settle(), std::chrono::minutes{10});
  EXPECT_EQ(CertificateTimes{}.look(), std::chrono::seconds{30});
  const CertificateTimes brief{.lifetime = std::chrono::seconds{30}};
  EXPECT_EQ(brief.settle(), std::chrono::seconds{2});
  EXPECT_EQ(brief.look(), std::chrono::milliseconds{500});
  EXPECT_EQ(brief.backdated(), std::chrono::seconds{3});
}

}  // namespace
}  // namespace porter::kube
