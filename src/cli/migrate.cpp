// SPDX-License-Identifier: Apache-2.0
#include "migrate/migrate.hpp"

#include <cstdio>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include "cli/query.hpp"
#include "io/file.hpp"
#include "kube/listing.hpp"
#include "kube/open_client.hpp"
#include "manifests/yaml.hpp"

namespace porter::cli {
namespace {

constexpr std::size_t kLargestFile = 64U << 20U;

void complain(const std::string& words) {
  (void)std::fputs((words + "\n").c_str(), stderr);
}

// Every document of a file. False: something could not be read, and that was said.
bool read_documents(const std::string& path, std::vector<migrate::Source>& sources) {
  const auto contents = io::read_file(path, kLargestFile);
  if (!contents) {
    complain(fmt::format("{}: {}", path, contents.error().message));
    return false;
  }
  bool good = true;
  manifests::DocumentSplitter splitter{contents->text};
  while (const auto document = splitter.next()) {
    auto tree = manifests::parse_document(document->text, document->line);
    if (tree) {
      sources.push_back({.document = std::move(*tree), .file = path, .line = document->line});
    } else {
      complain(fmt::format("{}: {}", path, to_string(tree.error())));
      good = false;
    }
  }
  return good;
}

// What is read of a cluster. Of several versions the newest that is served.
struct Wanted {
  std::string_view group;
  std::string_view kind;
  std::string_view plural;
  std::vector<std::string_view> versions;
};

constexpr std::string_view kMetalLb = "metallb.io";
constexpr std::string_view kOpenElb = "network.kubesphere.io";

std::vector<Wanted> wanted_of(MigrateOptions::From from) {
  std::vector<Wanted> wanted;
  if (from == MigrateOptions::From::MetalLb) {
    wanted = {{kMetalLb, "IPAddressPool", "ipaddresspools", {"v1beta1"}},
              {kMetalLb, "BGPPeer", "bgppeers", {"v1beta2", "v1beta1"}},
              {kMetalLb, "BGPAdvertisement", "bgpadvertisements", {"v1beta1"}},
              {kMetalLb, "L2Advertisement", "l2advertisements", {"v1beta1"}},
              {kMetalLb, "Community", "communities", {"v1beta1"}},
              {kMetalLb, "BFDProfile", "bfdprofiles", {"v1beta1"}}};
  } else {
    wanted = {{kOpenElb, "Eip", "eips", {"v1alpha2", "v1alpha1"}},
              {kOpenElb, "BgpConf", "bgpconfs", {"v1alpha2", "v1alpha1"}},
              {kOpenElb, "BgpPeer", "bgppeers", {"v1alpha2", "v1alpha1"}}};
  }
  wanted.push_back({"", "Service", "services", {"v1"}});
  return wanted;
}

// A kind that the API server does not know has no objects.
io::Task<Result<void>> read_kind(kube::Client& client, Wanted wanted,
                                 std::vector<migrate::Source>& sources) {
  for (const std::string_view version : wanted.versions) {
    kube::Resource resource;
    resource.group = wanted.group;
    resource.version = version;
    resource.plural = wanted.plural;
    resource.kind = wanted.kind;
    std::function<void(const Tree&)> each = [&sources, &wanted, &resource](const Tree& item) {
      Tree document = item;
      document.set("apiVersion", kube::api_version(resource)).set("kind", wanted.kind);
      sources.push_back({.document = std::move(document), .file = {}, .line = 0});
    };
    Result<void> listed = co_await kube::list(client, resource, std::move(each));
    if (listed || listed.error().code != Errc::NotFound) co_return listed;
  }
  co_return Result<void>();
}

io::Task<> read_kinds(kube::Client& client, std::vector<Wanted> kinds,
                      std::vector<migrate::Source>& sources, Result<void>& outcome) {
  for (Wanted& each : kinds) {
    const std::string_view what = each.plural;
    outcome = co_await read_kind(client, std::move(each), sources);
    if (!outcome) {
      outcome = Failure<>{std::move(outcome).error().within(what)};
      co_return;
    }
  }
}

Result<void> read_cluster(const MigrateOptions& options, std::vector<migrate::Source>& sources) {
  boost::asio::io_context context{1};
  io::Worker worker{context.get_executor()};
  auto client = kube::open_client(context.get_executor(), worker,
                                  {.kubeconfig = options.kubeconfig, .context = options.context});
  if (!client) return Failure<>{std::move(client).error()};
  Result<void> outcome;
  io::run(context, read_kinds(**client, wanted_of(options.from), sources, outcome));
  return outcome;
}

// What is for people goes to standard error: what is printed can be applied as it is.
void print(const migrate::Migration& migration) {
  for (const Tree& object : migration.objects)
    (void)std::printf("---\n%s", to_yaml(object).c_str());
  for (const migrate::Note& note : migration.notes)
    complain(fmt::format("{}{}{}: {}", note.place, note.place.empty() ? "" : ": ", note.object,
                         note.words));
  if (!migration.plan.empty()) complain("\nThe cut-over:");
  for (std::size_t i = 0; i < migration.plan.size(); ++i)
    complain(fmt::format("{:>3}. {}", i + 1, migration.plan[i]));
}

}  // namespace

int run_migrate(const MigrateOptions& options) {
  std::vector<migrate::Source> sources;
  if (options.files.empty()) {
    if (const Result<void> read = read_cluster(options, sources); !read) {
      complain("porter: " + read.error().message);
      return kCannotReach;
    }
  }
  bool good = true;
  for (const std::string& file : options.files)
    good = read_documents(file, sources) && good;
  if (!good) return kNo;  // half a translation is none
  const migrate::Migration migration = options.from == MigrateOptions::From::MetalLb
                                           ? migrate::from_metallb(sources)
                                           : migrate::from_openelb(sources);
  print(migration);
  if (migration.understood != 0) return kGood;
  complain("nothing to translate was found");
  return kNo;
}

}  // namespace porter::cli
