// SPDX-License-Identifier: Apache-2.0
#include "manifests/state_store.hpp"

#include <filesystem>
#include <map>
#include <memory>
#include <rapidcheck.h>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "manifests/test_bench.hpp"

namespace porter::manifests {
namespace {

namespace fs = std::filesystem;

model::EipAddress eip_address(const Address& address, const std::string& service) {
  model::EipAddress value;
  value.meta.name.name = model::eip_address_name(address);
  value.address = address;
  value.eip = "lan";
  value.services.push_back(
      model::Holder{.service = {.ns = "shop", .name = service}, .uid = "shop/" + service});
  return value;
}

Address v4(unsigned last) {
  return Address::v4(0xc0000200U + last);
}

plan::Change record(unsigned last, const std::string& service, std::uint64_t revision) {
  plan::Record change{.address = v4(last), .value = std::nullopt, .revision = revision};
  if (!service.empty()) change.value = eip_address(change.address, service);
  return change;
}

model::ObjectKey service_key(const std::string& name) {
  return {.kind = model::Kind::Service, .name = {.ns = "shop", .name = name}};
}

plan::Change status(const std::string& name, const std::string& text) {
  plan::StatusWanted change{.key = service_key(name), .status = std::nullopt};
  if (!text.empty()) change.status = Tree{}.set("text", text);
  return change;
}

// "1:web 2:api", and "10.0.0.1=7" for path identifiers.
std::string words(const std::vector<plan::Fact>& facts) {
  std::string text;
  for (const plan::Fact& fact : facts) {
    if (!text.empty()) text += ' ';
    if (const auto* const seen = std::get_if<plan::ObjectSeen>(&fact)) {
      const auto& value = std::get<model::EipAddress>(*seen->object);
      text += fmt::format("{}:{}", value.address.v4_bits() & 0xffU,
                          value.services.empty() ? "-" : value.services[0].service.name);
    } else if (const auto* const id = std::get_if<plan::PathIdSeen>(&fact)) {
      text += fmt::format("{}={}", to_string(id->next_hop), id->id);
    } else if (const auto* const done = std::get_if<plan::Recorded>(&fact)) {
      text += fmt::format("{}@{}", done->address.v4_bits() & 0xffU, done->revision);
    } else {
      text += "problem";
    }
  }
  return text;
}

// A store over a folder, as one run of Porter has it.
struct Keeper {
  explicit Keeper(const fs::path& folder)
      : store{bench.context.get_executor(), bench.tasks, worker, folder.string(),
              [this](plan::Fact fact) { late.push_back(std::move(fact)); }} {
    auto opened = store.open();
    error = opened ? "" : opened.error().message;
    if (!opened) return;
    loaded = words(*opened);
    store.start();
  }
  Keeper(const Keeper&) = delete;
  Keeper& operator=(const Keeper&) = delete;
  ~Keeper() { bench.stop(); }

  std::vector<plan::Fact> late;
  Bench bench;
  io::Worker worker{bench.context.get_executor()};
  StateStore store;
  std::string error;
  std::string loaded;
};

std::string loaded_from(const fs::path& folder) {
  const Keeper run{folder};
  return run.error.empty() ? run.loaded : run.error;
}

TEST(StateStore, RecordsAtOnceAndRemembersAcrossRuns) {
  const TemporaryFolder folder;
  {
    Keeper run{folder.path()};
    EXPECT_EQ(run.loaded, "");
    const plan::RememberPathId path{.next_hop = *Address::parse("10.0.0.1"), .id = 7};
    EXPECT_EQ(words(run.store.apply({path, record(1, "web", 5), record(2, "api", 6)})), "1@5 2@6");
    EXPECT_EQ(words(run.store.apply({record(1, "", 8)})), "1@8");
  }
  EXPECT_EQ(loaded_from(folder.path()), "10.0.0.1=7 2:api");
}

TEST(StateStore, TheFilesFollowAndTheJournalIsCut) {
  const TemporaryFolder folder;
  {
    Keeper run{folder.path()};
    EXPECT_EQ(words(run.store.apply({record(1, "web", 1)})), "1@1");
    const fs::path file = folder / "addresses/192.0.2.1.yaml";
    EXPECT_TRUE(run.bench.run_until([&] { return fs::exists(file); }));
    EXPECT_NE(content(file).find("name: web"), std::string::npos);
    EXPECT_TRUE(run.bench.run_until([&] { return !fs::exists(folder / "addresses.journal.old"); }));
    EXPECT_FALSE(fs::exists(folder / "addresses.journal"));
    EXPECT_EQ(words(run.store.apply({record(1, "", 2)})), "1@2");
    EXPECT_TRUE(run.bench.run_until([&] { return !fs::exists(file); }));
  }
  EXPECT_EQ(loaded_from(folder.path()), "");
}

TEST(StateStore, TwoCannotShareAFolder) {
  const TemporaryFolder folder;
  const Keeper run{folder.path()};
  EXPECT_EQ(loaded_from(folder.path()),
            fmt::format("{}: in use by another porter, process {}; give each its own --state",
                        folder.path().string(), ::getpid()));
}

TEST(StateStore, WhatCannotBeWrittenIsRecordedLater) {
  const TemporaryFolder folder;
  Keeper run{folder.path()};
  fs::create_directory(folder / "addresses.journal");  // in the way
  EXPECT_EQ(words(run.store.apply({record(1, "web", 1)})), "");
  EXPECT_EQ(words(run.store.apply({record(1, "api", 2), record(2, "db", 3)})), "");
  ASSERT_TRUE(run.store.trouble());
  EXPECT_EQ(*run.store.trouble(),
            fmt::format("addresses are not recorded, nothing new is announced: "
                        "{}/addresses.journal: is a directory",
                        folder.path().string()));
  EXPECT_EQ(run.store.counters().unrecorded, 2U);
  fs::remove(folder / "addresses.journal");
  EXPECT_TRUE(run.bench.run_until([&] { return !run.late.empty(); }));
  EXPECT_EQ(words(run.late), "1@2 2@3");
  EXPECT_FALSE(run.store.trouble());
}

TEST(StateStore, FilesThatCannotBeWrittenKeepTheJournal) {
  const TemporaryFolder folder;
  {
    Keeper run{folder.path()};
    put(folder / "addresses", "in the way");
    EXPECT_EQ(words(run.store.apply({record(1, "web", 1)})), "1@1");
    EXPECT_TRUE(run.bench.run_until([&] { return run.store.counters().failures >= 2; }));
    EXPECT_TRUE(run.store.trouble());
    EXPECT_EQ(words(run.store.apply({record(2, "api", 2)})), "2@2");
    fs::remove(folder / "addresses");
    EXPECT_TRUE(
        run.bench.run_until([&] { return fs::exists(folder / "addresses/192.0.2.2.yaml"); }));
    EXPECT_TRUE(run.bench.run_until([&] { return !run.store.trouble(); }));
  }
  EXPECT_EQ(loaded_from(folder.path()), "1:web 2:api");
}

TEST(StateStore, WritesStatusOnChangeAndRemovesItWithItsObject) {
  const TemporaryFolder folder;
  const fs::path file = folder / "status/Service/shop_web.yaml";
  const fs::path stale = folder / "status/Service/shop_old.yaml";
  Keeper run{folder.path()};
  EXPECT_EQ(words(run.store.apply({status("web", "fine"), status("old", "x")})), "");
  EXPECT_TRUE(run.bench.run_until([&] { return fs::exists(file) && fs::exists(stale); }));
  EXPECT_EQ(content(file),
            "apiVersion: v1\nkind: Service\nmetadata:\n  name: web\n  namespace: shop\nstatus:\n  "
            "text: fine\n");
  const auto written = fs::last_write_time(file);
  EXPECT_EQ(words(run.store.apply({status("web", "fine"), status("old", "")})), "");
  EXPECT_TRUE(run.bench.run_until([&] { return !fs::exists(stale); }));
  EXPECT_EQ(fs::last_write_time(file), written);
}

TEST(StateStore, AFileThatCannotBeReadReservesItsAddress) {
  const TemporaryFolder folder;
  fs::create_directory(folder / "addresses");
  put(folder / "addresses/192.0.2.9.yaml", "a: [");
  put(folder / "addresses/readme.yaml", "hello");
  EXPECT_EQ(loaded_from(folder.path()), "9:- problem");
}

TEST(StateStore, ADamagedJournalIsAReasonNotToStart) {
  const TemporaryFolder folder;
  put(folder / "addresses.journal", "something else\n");
  EXPECT_EQ(
      loaded_from(folder.path()),
      fmt::format(
          "{}/addresses.journal (move it away to start with addresses/ alone): line 1: must be "
          "porter-journal-1, not a journal this version of Porter knows",
          folder.path().string()));
}

// The journals first: what is copied of the files later can only be what those say already.
void copy_state(const fs::path& from, const fs::path& to) {
  fs::remove_all(to);
  fs::create_directories(to / "addresses");
  std::error_code ignored;  // there, or not
  for (const char* const name : {"addresses.journal", "addresses.journal.old", "path-ids"})
    fs::copy_file(from / name, to / name, ignored);
  for (const auto& entry : fs::directory_iterator{from / "addresses", ignored})
    fs::copy_file(entry.path(), to / "addresses" / entry.path().filename(), ignored);
}

TEST(StateStore, KilledAtAnyStepItComesBackWithWhatItRecorded) {
  const TemporaryFolder folder;
  const TemporaryFolder copy;
  Keeper run{folder.path()};
  std::map<unsigned, std::string> model;
  const auto expected = [&] {
    std::string text;
    for (const auto& [last, service] : model)
      text += fmt::format("{}{}:{}", text.empty() ? "" : " ", last, service);
    return text;
  };
  std::uint64_t revision = 0;
  for (unsigned round = 0; round < 6; ++round) {
    plan::Changes changes;
    for (unsigned i = 0; i < 4; ++i) {
      const unsigned last = 1 + (round * 3 + i * 5) % 7;
      const bool frees = (round + i) % 3 == 0;
      const std::string service = frees ? "" : fmt::format("s{}", round);
      changes.push_back(record(last, service, ++revision));
      if (frees) model.erase(last);
      if (!frees) model[last] = service;
    }
    ASSERT_EQ(run.store.apply(changes).empty(), false);
    for (int step = 0; step < 5; ++step) {
      copy_state(folder.path(), copy.path());
      ASSERT_EQ(loaded_from(copy.path()), expected()) << "round " << round << " step " << step;
      run.bench.context.restart();
      run.bench.context.run_one_for(std::chrono::milliseconds{40});
    }
  }
  EXPECT_GT(run.store.counters().files_written, 0U);
}

TEST(StateFiles, NamesOfStatusFilesAreSafe) {
  EXPECT_EQ(status_file({.kind = model::Kind::Eip, .name = {.ns = {}, .name = "lan"}}),
            "Eip/lan.yaml");
  EXPECT_EQ(status_file({.kind = model::Kind::Eip, .name = {.ns = {}, .name = "../x/\n"}}),
            "Eip/%2e.%2fx%2f%0a.yaml");
  EXPECT_LE(
      status_file({.kind = model::Kind::Eip, .name = {.ns = {}, .name = std::string(500, 'a')}})
          .size(),
      220U);
}

TEST(StateFiles, PathIdentifiersReadBack) {
  const TemporaryFolder folder;
  const PathIdsByHop ids{{*Address::parse("10.0.0.1"), 7},
                         {*Address::parse("2001:db8::1"), 4'000'000'000}};
  put(folder / "path-ids", render(ids));
  const auto read = load_path_ids(folder / "path-ids");
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, ids);
  put(folder / "path-ids", "10.0.0.1 x\n");
  const auto refused = load_path_ids(folder / "path-ids");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            (folder / "path-ids").string() + ":1: \"10.0.0.1 x\": must be \"NEXT-HOP IDENTIFIER\"");
}

}  // namespace
}  // namespace porter::manifests
