// SPDX-License-Identifier: Apache-2.0
#include "manifests/journal.hpp"

#include <csignal>
#include <filesystem>
#include <rapidcheck.h>
#include <string>
#include <sys/resource.h>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "manifests/test_bench.hpp"

namespace porter::manifests {
namespace {

using Entries = std::vector<JournalEntry>;

model::EipAddress eip_address(const Address& address, const std::string& service) {
  model::EipAddress value;
  value.meta.name.name = model::eip_address_name(address);
  value.meta.uid = value.meta.name.name;
  value.meta.written_as = model::ApiVersion::V1alpha2;
  value.address = address;
  value.eip = "lan";
  if (!service.empty())
    value.services.push_back(
        model::Holder{.service = {.ns = "shop", .name = service}, .uid = "shop/" + service});
  return value;
}

JournalEntry taken(const std::string& address, const std::string& service) {
  const Address parsed = *Address::parse(address);
  return AddressEntry{.address = parsed, .value = eip_address(parsed, service)};
}

JournalEntry freed(const std::string& address) {
  return AddressEntry{.address = *Address::parse(address), .value = std::nullopt};
}

// Decoding fills in what metadata leaves out; what counts is the allocation.
std::string shape(const Entries& entries) {
  return encode_batch(entries);
}

Entries decoded(std::string_view text) {
  auto contents = decode_journal(text);
  EXPECT_TRUE(contents.has_value()) << (contents ? "" : contents.error().message);
  return contents ? std::move(contents->entries) : Entries{};
}

std::string refusal(std::string_view text) {
  const auto contents = decode_journal(text);
  return contents ? "decoded" : contents.error().message;
}

const std::vector<Entries>& batches() {
  static const std::vector<Entries> kBatches{
      {taken("192.0.2.1", "web"), PathIdEntry{.next_hop = *Address::parse("10.0.0.1"), .id = 7}},
      {freed("192.0.2.1"), freed("2001:db8::1")},
      {PathIdEntry{.next_hop = *Address::parse("2001:db8::2"), .id = 8}, freed("192.0.2.3")}};
  return kBatches;
}

TEST(Journal, ReadsBackWhatItWrote) {
  std::string text = journal_header();
  Entries all;
  for (const Entries& batch : batches()) {
    text += encode_batch(batch);
    all.insert(all.end(), batch.begin(), batch.end());
  }
  const auto contents = decode_journal(text);
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(shape(contents->entries), shape(all));
  EXPECT_EQ(contents->committed, text.size());
  EXPECT_EQ(contents->torn_lines, 0U);
}

TEST(Journal, KeepsReservationsAndIpv6) {
  const Entries entries{taken("2001:db8::1", "web"), taken("192.0.2.1", "")};
  EXPECT_EQ(shape(decoded(journal_header() + encode_batch(entries))), shape(entries));
}

TEST(Journal, CutAtAnyOctetGivesWholeBatches) {
  std::string text = journal_header();
  std::vector<std::size_t> ends{text.size()};
  for (const Entries& batch : batches()) {
    text += encode_batch(batch);
    ends.push_back(text.size());
  }
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    Entries expected;
    std::size_t committed = cut < ends[0] ? 0 : ends[0];
    for (std::size_t i = 0; i < batches().size() && ends[i + 1] <= cut; ++i) {
      expected.insert(expected.end(), batches()[i].begin(), batches()[i].end());
      committed = ends[i + 1];
    }
    const auto contents = decode_journal(text.substr(0, cut));
    ASSERT_TRUE(contents) << cut << ": " << contents.error().message;
    ASSERT_EQ(shape(contents->entries), shape(expected)) << cut;
    ASSERT_EQ(contents->committed, committed) << cut;
  }
}

TEST(Journal, TakesATailOfZerosForTorn) {
  const std::string good = journal_header() + encode_batch(batches()[0]);
  EXPECT_EQ(shape(decoded(good + std::string(100, '\0'))), shape(batches()[0]));
  EXPECT_EQ(decoded(std::string(100, '\0')), Entries{});
}

TEST(Journal, RefusesDamageBeforeACommit) {
  std::string text = journal_header() + encode_batch(batches()[0]) + encode_batch(batches()[1]);
  text[journal_header().size() + 12] ^= 1;
  EXPECT_EQ(refusal(text), "line 4: damaged: the checksum of line 2 is wrong");
}

TEST(Journal, RefusesWhatItDoesNotKnow) {
  EXPECT_EQ(refusal("porter-journal-2\n"),
            "line 1: must be porter-journal-1, not a journal this version of Porter knows");
  // A wrong checksum at the end is a torn line, whatever it says.
  EXPECT_EQ(refusal(journal_header() + "7a6b0572 what now\n").substr(0, 7), "decoded");
}

TEST(Journal, RefusesAnUnknownEntryWithTheRightChecksum) {
  // As a later version might write it: the line of a path identifier with another verb.
  std::string line =
      encode_batch(Entries{PathIdEntry{.next_hop = *Address::parse("10.0.0.1"), .id = 7}});
  line = line.substr(0, line.find('\n') + 1);
  const std::string right = journal_header() + line;
  EXPECT_EQ(refusal(right), "decoded");
  EXPECT_EQ(refusal(journal_header() + "887fe1a8 rename x\n"),
            "line 2: rename: not known to this version of Porter");
}

TEST(JournalFile, TheNextBatchDoesNotStandBehindATornOne) {
  const TemporaryFolder folder;
  const std::string path = folder / "j";
  put(path,
      journal_header() + encode_batch(batches()[0]) + encode_batch(batches()[1]).substr(0, 40));
  JournalFile journal{path};
  const auto contents = journal.load();
  ASSERT_TRUE(contents);
  EXPECT_EQ(contents->torn_lines, 2U);  // one whole, one cut
  ASSERT_TRUE(journal.append(encode_batch(batches()[2])));
  Entries both = batches()[0];
  both.insert(both.end(), batches()[2].begin(), batches()[2].end());
  EXPECT_EQ(shape(decoded(content(path))), shape(both));
}

TEST(JournalFile, AWriteThatFailsHalfwayLeavesTheFileAsItWas) {
  const TemporaryFolder folder;
  const std::string path = folder / "j";
  JournalFile journal{path};
  ASSERT_TRUE(journal.append(encode_batch(batches()[0])));
  const std::string before = content(path);
  rlimit old{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit small{.rlim_cur = before.size() + 50, .rlim_max = old.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = journal.append(encode_batch(batches()[1]));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, handler);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().message, path + ": file too large");
  EXPECT_EQ(content(path), before);
  ASSERT_TRUE(journal.append(encode_batch(batches()[1])));
  EXPECT_EQ(content(path), before + encode_batch(batches()[1]));
}

TEST(JournalFile, SetAsideStartsANewFile) {
  const TemporaryFolder folder;
  JournalFile journal{folder / "j"};
  ASSERT_TRUE(journal.append(encode_batch(batches()[0])));
  ASSERT_TRUE(journal.set_aside(folder / "j.old"));
  EXPECT_FALSE(std::filesystem::exists(folder / "j"));
  ASSERT_TRUE(journal.append(encode_batch(batches()[1])));
  EXPECT_EQ(shape(decoded(content(folder / "j.old"))), shape(batches()[0]));
  EXPECT_EQ(shape(decoded(content(folder / "j"))), shape(batches()[1]));
}

RC_GTEST_PROP(Journal, AnyOctetsGiveAnAnswer, ()) {
  std::string text = journal_header() + encode_batch(batches()[0]) + encode_batch(batches()[1]);
  for (int i = *rc::gen::inRange(0, 5); i > 0; --i)
    text[*rc::gen::inRange<std::size_t>(0, text.size())] = *rc::gen::arbitrary<char>();
  const auto contents = decode_journal(text);
  if (contents) {
    RC_ASSERT(contents->committed <= text.size());
    // What it believed, it believes again.
    const auto again = decode_journal(text.substr(0, contents->committed));
    RC_ASSERT(again.has_value());
    RC_ASSERT(shape(again->entries) == shape(contents->entries));
  }
}

}  // namespace
}  // namespace porter::manifests
