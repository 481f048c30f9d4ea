// SPDX-License-Identifier: Apache-2.0
#include "model/reference.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "model/names.hpp"
#include "model/schema.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kIntroduction =
    R"(# Configuration

Everything Porter reads, field by field. This page is generated from the tables that decode and check the objects
(`src/model/schema_*.cpp`), so it cannot be wrong about names, types and bounds; a test compares the two.

All kinds are of the API group `network.kubesphere.io` and cluster-scoped. `v1alpha2` is the version to write.
`v1alpha1` is that of Porter 0.3: its objects are taken as they are and mean what they meant. An unknown field is
named in a warning with the field it may have been meant to be; a known field with a wrong value refuses the
object, and its last good version stays in force. A field that is null or an empty text counts as absent.

"An edit resets" says what a change of the field disturbs. Routes and addresses that the change does not concern
stay as they are, whatever is edited.
)";

constexpr std::string_view kProject =
    "`<p>` is `porter` or `openelb`; where both are there, `porter` wins.";

using Row = std::pair<std::string_view, std::string_view>;  // key, meaning

constexpr auto kServiceRows = std::to_array<Row>({
    {"`lb.kubesphere.io/v1alpha1`",
     "`porter` or `openelb`: the Service is ours although it has no `spec.loadBalancerClass`. A "
     "class of "
     "somebody else beats it."},
    {"`eip.<p>.kubesphere.io/v1alpha1`",
     "The address it wants; a comma list, at most one per family. Beats `spec.loadBalancerIP`; if "
     "both are "
     "there and differ: `ConflictingRequest`."},
    {"`eip.<p>.kubesphere.io/v1alpha2`",
     "The pool it wants, by the name of the Eip; a comma list, at most one per family."},
    {"`protocol.<p>.kubesphere.io/v1alpha1`",
     "`bgp` or `layer2`: only pools of this protocol. `vip` is read as `layer2`, with a warning."},
    {"`layer2.<p>.kubesphere.io/v1alpha1`",
     "The node that should answer for a `layer2` address; a hint."},
    {"`network.kubesphere.io/share`",
     "A sharing key. Services with the same key may share an address, also across namespaces, "
     "where their "
     "ports do not collide."},
    {"`network.kubesphere.io/communities`",
     "BGP communities added to its routes, a comma list; only those that "
     "`allowServiceOverrides` of a BgpAdvertisement that selects it allows."},
    {"`network.kubesphere.io/local-preference`, `/med`, `/prepend`",
     "As `localPreference`, `med` and `prepend` of the BgpAdvertisement, in place of them, where "
     "it allows that."},
});

constexpr auto kNodeRows = std::to_array<Row>({
    {"annotation `network.kubesphere.io/next-hop`",
     "The next hop of the node, a comma list, at most one per family; else its InternalIP."},
    {"annotation `network.kubesphere.io/router-id`",
     "Its BGP Identifier where several nodes peer; else its IPv4 InternalIP, else a hash of its "
     "name."},
    {"annotation or label `network.kubesphere.io/drain`",
     "`true` drains the node: its paths are marked with GRACEFUL_SHUTDOWN, then withdrawn; "
     "sessions stay."},
    {"label `<p>.kubesphere.io/rack`", "Its rack, for `asPerRack` of the BgpConf."},
    {"label `node.kubernetes.io/exclude-from-external-load-balancers`",
     "The node carries no addresses."},
});

constexpr auto kOwnRows = std::to_array<Row>({
    {"Eip: annotation `eip.<p>.kubesphere.io/is-default-eip`",
     "`true`, in any case of letters: the pool of Services that ask for none."},
    {"Eip: annotation `network.kubesphere.io/evict`",
     "`true`: while the Eip is being deleted its addresses are released at once."},
    {"BgpConf: annotation `network.kubesphere.io/ignore-policy`",
     "`true`: `spec.policy` is ignored."},
    {"BgpPeer: label `<p>.kubesphere.io/cni`", "With any value: the peer is left to the CNI."},
});

std::string bounds_words(const Bounds& bounds) {
  static constexpr Bounds kAny;
  if (bounds.least == kAny.least && bounds.most == kAny.most) return "integer";
  if (bounds.most == kAny.most) return fmt::format("integer, {} or more", bounds.least);
  return fmt::format("integer, {} to {}", bounds.least, bounds.most);
}

std::string choice_words(Words words) {
  std::string text;
  for (const std::string_view word : words) {
    fmt::format_to(std::back_inserter(text), "{}`{}`", text.empty() ? "" : ", ", word);
  }
  return text;
}

std::string type_words(const Field& field) {
  switch (field.type) {
    case FieldType::Group:
    case FieldType::Opaque: return "map";
    case FieldType::List: return "list";
    case FieldType::Bool: return "boolean";
    case FieldType::Integer: return bounds_words(field.bounds);
    case FieldType::Digits: return bounds_words(field.bounds) + "; also as digits in quotes";
    case FieldType::String:
    case FieldType::Password: return "text";
    case FieldType::Choice: return choice_words(field.words);
    case FieldType::Name: return "name";
    case FieldType::PoolInterface: return "interface or `can_reach:<address>`";
    case FieldType::Address: return "address";
    case FieldType::ZonedAddress: return "address, with `%interface` if link-local";
    case FieldType::LocalAddress: return "address, CIDR or interface";
    case FieldType::RouterId: return "dotted quad";
    case FieldType::Prefix: return "CIDR";
    case FieldType::Range: return "address, CIDR or `first-last`";
    case FieldType::Time: return "time (RFC 3339)";
    case FieldType::Selector: return "LabelSelector";
    case FieldType::SelectorOrMap: return "LabelSelector, or map of labels";
    case FieldType::AsnMap: return "map from rack to " + bounds_words(field.bounds);
    case FieldType::BgpCommunity: return "community";
    case FieldType::CommunityPattern: return "community, or with `*`";
    case FieldType::Map: return "map";
    case FieldType::TextMap: return "map of texts";
    case FieldType::Conditions: return "list of conditions";
  }
  return {};
}

class Page {
 public:
  std::string write() {
    out_ = kIntroduction;
    for (const Schema* const schema : schemas())
      write_kind(*schema);
    write_rows("Services", "Annotations of Services of type LoadBalancer.", "Annotation",
               kServiceRows);
    write_rows("Nodes", "What Porter reads of Nodes, beside their state.", "Key", kNodeRows);
    write_rows("Annotations and labels of our own kinds", "On Eip, BgpConf and BgpPeer.", "Key",
               kOwnRows);
    return std::move(out_);
  }

 private:
  template <class... T>
  void print(fmt::format_string<T...> format, T&&... values) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<T>(values)...);
  }

  void write_kind(const Schema& schema) {
    print("\n## {}\n\n{}\n", to_string(schema.kind), schema.doc);
    write_version(schema, ApiVersion::V1alpha2, "v1alpha2");
    if (is_in(schema.versions, ApiVersion::V1alpha1))
      write_version(schema, ApiVersion::V1alpha1, "v1alpha1");
    write_idle(schema, Support::Later,
               "Not in this release; a warning says so where they are set:");
    write_idle(schema, Support::Ignored, "Fields of OpenELB without an effect (`FieldIgnored`):");
  }

  void write_version(const Schema& schema, ApiVersion version, std::string_view name) {
    print(
        "\n### {} {}\n\n| Field | Type | Default | An edit resets | Meaning "
        "|\n|---|---|---|---|---|\n",
        to_string(schema.kind), name);
    for (const Field& field : schema.fields) {
      const bool is_shown = is_in(field.versions, version) && field.support == Support::Full &&
                            field.path != "spec" && !field.path.ends_with("[]");
      if (is_shown) write_field(schema, version, field);
    }
  }

  void write_field(const Schema& schema, ApiVersion version, const Field& field) {
    std::string type = type_words(field);
    if (field.type == FieldType::List) {
      const Field* const element = find_field(schema, fmt::format("{}[]", field.path), version);
      PORTER_ASSERT(element != nullptr);
      type = "list: " + type_words(*element);
    }
    const std::string_view fallback =
        field.required ? std::string_view{"**required**"} : field.fallback;
    const bool is_written_by_us = field.type == FieldType::Opaque;
    print("| `{}` | {} | {} | {} | {} |\n", field.path, type, fallback.empty() ? "-" : fallback,
          is_written_by_us ? "-" : to_string(field.edit), field.doc);
  }

  void write_idle(const Schema& schema, Support support, std::string_view title) {
    const auto is_wanted = [&](const Field& field) {
      return field.support == support && !field.path.ends_with("[]");
    };
    if (std::none_of(schema.fields.begin(), schema.fields.end(), is_wanted)) return;
    print("\n{}\n\n| Field | Type | {} |\n|---|---|---|\n", title,
          support == Support::Ignored ? "Why" : "Meaning");
    for (const Field& field : schema.fields) {
      if (is_wanted(field)) print("| `{}` | {} | {} |\n", field.path, type_words(field), field.doc);
    }
  }

  void write_rows(std::string_view title, std::string_view doc, std::string_view head,
                  std::span<const Row> rows) {
    print("\n## {}\n\n{} {}\n\n| {} | Meaning |\n|---|---|\n", title, doc, kProject, head);
    for (const auto& [key, meaning] : rows)
      print("| {} | {} |\n", key, meaning);
  }

  std::string out_;
};

}  // namespace

std::string configuration_reference() {
  return Page{}.write();
}

}  // namespace porter::model
