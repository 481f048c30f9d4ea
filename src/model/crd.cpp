// SPDX-License-Identifier: Apache-2.0
#include "model/crd.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "model/crd_types.hpp"

namespace porter::model {
namespace {

constexpr std::string_view kGroup = "network.kubesphere.io";

struct Column {
  std::string_view name;
  std::string_view type;
  std::string_view path;
};

// --- names and columns ---

struct Shape {
  Kind kind{};
  CrdNames names;
  std::vector<Column> columns;  // AGE follows
};

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> kShapes{
      {.kind = Kind::Eip,
       .names = {.plural = "eips", .singular = "eip", .short_names = {}},
       .columns = {{.name = "ADDRESS", .type = "string", .path = ".spec.address"},
                   {.name = "PROTOCOL", .type = "string", .path = ".spec.protocol"},
                   {.name = "USED", .type = "integer", .path = ".status.usage"},
                   {.name = "TOTAL", .type = "integer", .path = ".status.poolSize"},
                   {.name = "READY", .type = "boolean", .path = ".status.ready"}}},
      {.kind = Kind::BgpConf,
       .names = {.plural = "bgpconfs", .singular = "bgpconf", .short_names = {}},
       .columns = {{.name = "AS", .type = "integer", .path = ".spec.as"},
                   {.name = "READY",
                    .type = "string",
                    .path = ".status.conditions[?(@.type==\"Ready\")].status"}}},
      {.kind = Kind::BgpPeer,
       .names = {.plural = "bgppeers", .singular = "bgppeer", .short_names = {}},
       .columns = {{.name = "NEIGHBOR", .type = "string", .path = ".spec.conf.neighborAddress"},
                   {.name = "REMOTE-AS", .type = "integer", .path = ".spec.conf.peerAs"},
                   {.name = "SESSIONS", .type = "string", .path = ".status.sessions"},
                   {.name = "ADVERTISED", .type = "integer", .path = ".status.advertised"}}},
      {.kind = Kind::EipAddress,
       .names = {.plural = "eipaddresses", .singular = "eipaddress", .short_names = {"eipaddr"}},
       .columns = {{.name = "EIP", .type = "string", .path = ".spec.eip"},
                   {.name = "NAMESPACE", .type = "string", .path = ".spec.services[0].namespace"},
                   {.name = "SERVICE", .type = "string", .path = ".spec.services[0].name"},
                   {.name = "SHAREKEY", .type = "string", .path = ".spec.shareKey"}}},
      {.kind = Kind::BgpAdvertisement,
       .names = {.plural = "bgpadvertisements",
                 .singular = "bgpadvertisement",
                 .short_names = {"bgpadv"}},
       .columns = {{.name = "EIPS", .type = "string", .path = ".spec.eips"},
                   {.name = "PEERS", .type = "string", .path = ".spec.peers"},
                   {.name = "COMMUNITIES", .type = "string", .path = ".spec.communities"}}},
      {.kind = Kind::BgpNodeState,
       .names = {.plural = "bgpnodestates", .singular = "bgpnodestate", .short_names = {"bgpnode"}},
       .columns = {{.name = "SESSIONS", .type = "integer", .path = ".status.total"},
                   {.name = "ESTABLISHED", .type = "integer", .path = ".status.established"},
                   {.name = "ROUTER-ID", .type = "string", .path = ".status.routerId"}}},
  };
  return kShapes;
}

const Shape& shape_of(Kind kind) {
  const auto found = std::find_if(shapes().begin(), shapes().end(),
                                  [&](const Shape& shape) { return shape.kind == kind; });
  PORTER_ASSERT(found != shapes().end());
  return *found;
}

// v1alpha1 calls two of the fields otherwise.
std::string_view path_in(ApiVersion version, std::string_view path) {
  if (version != ApiVersion::V1alpha1) return path;
  if (path == ".spec.conf.neighborAddress") return ".spec.config.neighborAddress";
  return path == ".spec.conf.peerAs" ? ".spec.config.peerAs" : path;
}

Tree columns_of(const Shape& shape, ApiVersion version) {
  Tree columns = Tree::list();
  const auto add = [&](const Column& column) {
    columns.push(Tree::map()
                     .set("name", column.name)
                     .set("type", column.type)
                     .set("jsonPath", path_in(version, column.path)));
  };
  for (const Column& column : shape.columns)
    add(column);
  add({.name = "AGE", .type = "date", .path = ".metadata.creationTimestamp"});
  return columns;
}

// --- the schema of one version ---

class SchemaWriter {
 public:
  SchemaWriter(const Schema& schema, ApiVersion version) : schema_{schema}, version_{version} {}

  Tree write() {
    static constexpr std::string_view kMore =
        "See https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md";
    Tree root = describe(schema_.doc);
    root.set("type", "object");
    Tree properties = Tree::map();
    properties.set("apiVersion",
                   describe(fmt::format("The group and version of this object. {}", kMore))
                       .set("type", "string"));
    properties.set(
        "kind", describe(fmt::format("The kind of this object. {}", kMore)).set("type", "string"));
    properties.set("metadata", Tree::map().set("type", "object"));
    add_children("", schema_.fields, properties);
    const std::span<const Field> status = status_fields(schema_.kind);
    if (!status.empty()) {
      Tree inner = describe("What Porter says about the object.").set("type", "object");
      Tree fields = Tree::map();
      add_children("status", status, fields);
      inner.set("properties", std::move(fields));
      properties.set("status", std::move(inner));
    }
    root.set("properties", std::move(properties));
    set_required("", root);
    return root;
  }

 private:
  // All versions have the same status.
  [[nodiscard]] bool is_here(const Field& field) const {
    return is_in(field.versions, version_) || field.path.starts_with("status");
  }

  static Tree describe(std::string_view doc) { return Tree::map().set("description", doc); }

  void add_children(std::string_view parent, std::span<const Field> rows, Tree& properties) const {
    for (const Field& field : rows) {
      if (!is_here(field) || !is_child(field.path, parent)) continue;
      if (field.type == FieldType::Opaque) continue;  // the status, of rows of its own
      properties.set(std::string{last_name(field.path)}, property(field, rows));
    }
  }

  [[nodiscard]] Tree property(const Field& field, std::span<const Field> rows) const {
    Tree tree = describe(description_of(field));
    switch (field.type) {
      case FieldType::Group: group_into(field, rows, tree); break;
      case FieldType::List:
        tree.set("type", "array").set("maxItems", kLongestList);
        tree.set("items", property(element(field, rows, "[]"), rows));
        break;
      case FieldType::Map:
        tree.set("type", "object").set("maxProperties", kLongestList);
        tree.set("additionalProperties", property(element(field, rows, "{}"), rows));
        whole_into(tree);
        break;
      default: type_into(field, tree);
    }
    return tree;
  }

  void group_into(const Field& field, std::span<const Field> rows, Tree& tree) const {
    tree.set("type", "object");
    Tree properties = Tree::map();
    add_children(field.path, rows, properties);
    tree.set("properties", std::move(properties));
    set_required(field.path, tree);
    Tree rules = Tree::list();
    for (const CelRule& rule : cel_rules()) {
      if (rule.kind != schema_.kind || rule.path != field.path || !is_in(rule.versions, version_))
        continue;
      rules.push(Tree::map().set("rule", rule.rule).set("message", rule.message));
    }
    if (!rules.items().empty()) tree.set("x-kubernetes-validations", std::move(rules));
  }

  [[nodiscard]] const Field& element(const Field& field, std::span<const Field> rows,
                                     std::string_view suffix) const {
    const std::string path = fmt::format("{}{}", field.path, suffix);
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Field& row) {
      return row.path == path && is_here(row);
    });
    PORTER_ASSERT(found != rows.end());
    return *found;
  }

  void set_required(std::string_view parent, Tree& tree) const {
    Tree names = Tree::list();
    for (const Field& field : schema_.fields) {
      if (field.required && is_in(field.versions, version_) && is_child(field.path, parent))
        names.push(last_name(field.path));
    }
    if (!names.items().empty()) tree.set("required", std::move(names));
  }

  const Schema& schema_;
  ApiVersion version_;
};

// --- the CRD ---

Tree version_of(const Schema& schema, const Shape& shape, ApiVersion version) {
  const bool is_stored = version == ApiVersion::V1alpha2;
  return Tree::map()
      .set("name", is_stored ? "v1alpha2" : "v1alpha1")
      .set("served", true)
      .set("storage", is_stored)
      .set("additionalPrinterColumns", columns_of(shape, version))
      .set("subresources", Tree::map().set("status", Tree::map()))
      .set("schema", Tree::map().set("openAPIV3Schema", SchemaWriter{schema, version}.write()));
}

Tree names_of(Kind kind, const CrdNames& names) {
  Tree tree = Tree::map();
  tree.set("kind", to_string(kind))
      .set("listKind", fmt::format("{}List", to_string(kind)))
      .set("plural", names.plural)
      .set("singular", names.singular);
  if (!names.short_names.empty()) {
    Tree list = Tree::list();
    for (const std::string_view name : names.short_names)
      list.push(name);
    tree.set("shortNames", std::move(list));
  }
  // The category of OpenELB, that of Porter 0.3, and ours.
  return tree.set("categories", Tree::list().push("networking").push("ksnet").push("porter"));
}

Tree conversion() {
  Tree service = Tree::map();
  service.set("namespace", "porter-system")
      .set("name", "porter-webhook")
      .set("path", "/convert")
      .set("port", 443);
  return Tree::map()
      .set("strategy", "Webhook")
      .set("webhook", Tree::map()
                          .set("clientConfig", Tree::map().set("service", std::move(service)))
                          .set("conversionReviewVersions", Tree::list().push("v1")));
}

}  // namespace

const CrdNames& crd_names(Kind kind) {
  return shape_of(kind).names;
}

std::string crd_name(Kind kind) {
  return fmt::format("{}.{}", crd_names(kind).plural, kGroup);
}

Tree crd(Kind kind) {
  const Schema* const schema = schema_of(kind);
  PORTER_ASSERT(schema != nullptr);
  const Shape& shape = shape_of(kind);
  const bool has_both = is_in(schema->versions, ApiVersion::V1alpha1);
  Tree versions = Tree::list();
  versions.push(version_of(*schema, shape, ApiVersion::V1alpha2));
  if (has_both) versions.push(version_of(*schema, shape, ApiVersion::V1alpha1));
  Tree spec = Tree::map();
  spec.set("group", kGroup)
      .set("scope", "Cluster")
      .set("names", names_of(kind, shape.names))
      .set("preserveUnknownFields", false);
  if (has_both) spec.set("conversion", conversion());
  spec.set("versions", std::move(versions));
  Tree labels = Tree::map();
  labels.set("app.kubernetes.io/name", "porter");
  return Tree::map()
      .set("apiVersion", "apiextensions.k8s.io/v1")
      .set("kind", "CustomResourceDefinition")
      .set("metadata", Tree::map().set("name", crd_name(kind)).set("labels", std::move(labels)))
      .set("spec", std::move(spec));
}

std::vector<Crd> crds() {
  static constexpr std::string_view kHead =
      "# SPDX-License-Identifier: Apache-2.0\n"
      "# Generated from the tables in src/model/schema_*.cpp: `porter crds` prints it.\n";
  std::vector<Crd> all;
  for (const Schema* const schema : schemas()) {
    const Kind kind = schema->kind;
    all.push_back(Crd{.name = crd_name(kind),
                      .file = fmt::format("{}_{}.yaml", kGroup, crd_names(kind).plural),
                      .yaml = std::string{kHead} + to_yaml(crd(kind))});
  }
  return all;
}

}  // namespace porter::model
