// SPDX-License-Identifier: Apache-2.0
#include "kube/certificate.hpp"

#include <gtest/gtest.h>

#include "kube/test_server.hpp"

namespace porter::kube {
namespace {

constexpr UnixTime kNow = 1'800'000'000;
const std::string kName = "porter-webhook.porter-system.svc";

LeafRequest request() {
  return {.names = {kName, "127.0.0.1"}, .not_before = kNow - 300, .not_after = kNow + 3600};
}

std::string why(const Result<Leaf>& leaf) {
  return leaf ? "usable" : leaf.error().message;
}

TEST(Certificate, WhatWasMadeIsReadBackAsItIs) {
  const Result<Leaf> made = make_leaf(request());
  ASSERT_TRUE(made.has_value());
  EXPECT_EQ(read_leaf(made->certificate, made->key, {made->authority}, kName), made);
  EXPECT_EQ(read_leaf(made->certificate, made->key, {made->authority}, "127.0.0.1"), made);
}

TEST(Certificate, NoTwoAreAlike) {
  const Result<Leaf> one = make_leaf(request());
  const Result<Leaf> other = make_leaf(request());
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->authority, other->authority);
  EXPECT_NE(one->key, other->key);
}

TEST(Certificate, TheAuthorityThatSignedItIsFoundAmongOthers) {
  const Result<Leaf> one = make_leaf(request());
  const Result<Leaf> other = make_leaf(request());
  ASSERT_TRUE(one && other);
  const std::vector<std::string> both = certificates_in(other->authority + one->authority);
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(read_leaf(one->certificate, one->key, both, kName), one);
}

TEST(Certificate, WhyOneCannotBeUsedIsSaid) {
  const Result<Leaf> one = make_leaf(request());
  const Result<Leaf> other = make_leaf(request());
  ASSERT_TRUE(one && other);
  EXPECT_EQ(why(read_leaf("", "", {}, kName)), "tls.crt holds no certificate in PEM");
  EXPECT_EQ(why(read_leaf(one->certificate, "garbage", {one->authority}, kName)),
            "tls.key holds no private key in PEM without a password");
  EXPECT_EQ(why(read_leaf(one->certificate, other->key, {one->authority}, kName)),
            "tls.key is not the key of tls.crt");
  EXPECT_EQ(why(read_leaf(one->certificate, one->key, {one->authority}, "other.svc")),
            "tls.crt is not for other.svc");
  EXPECT_EQ(why(read_leaf(one->certificate, one->key, {other->authority}, kName)),
            "tls.crt is signed by nobody in ca.crt");
  EXPECT_EQ(why(read_leaf(one->certificate, one->key, {}, kName)),
            "ca.crt holds no certificate in PEM");
}

TEST(Certificate, OneOfAnotherMakerIsTakenWithItsAuthority) {
  const TestIdentity authority = make_authority("corporate");
  const TestIdentity server = issue(authority, "DNS:" + kName);
  const Result<Leaf> leaf =
      read_leaf(server.certificate, server.key, {authority.certificate}, kName);
  ASSERT_TRUE(leaf.has_value()) << why(leaf);
  EXPECT_GT(leaf->not_after, leaf->not_before);
}

TEST(Certificate, GarbageAmongCertificatesEndsThem) {
  const Result<Leaf> one = make_leaf(request());
  ASSERT_TRUE(one.has_value());
  EXPECT_TRUE(
      certificates_in("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").empty());
  EXPECT_EQ(certificates_in(one->authority + "garbage").size(), 1U);
  std::string many;
  for (int i = 0; i < 40; ++i)
    many += one->authority;
  EXPECT_EQ(certificates_in(many).size(), 16U);
}

}  // namespace
}  // namespace porter::kube
