// SPDX-License-Identifier: Apache-2.0
#include "model/schema.hpp"

namespace porter::model {
namespace {

Holder& last_holder(Object& object) {
  return std::get<EipAddress>(object).services.back();
}

constexpr auto kFields = std::to_array<Field>({
    {.path = "spec", .type = FieldType::Group, .doc = "The allocation."},
    {.path = "spec.address",
     .type = FieldType::Address,
     .set = put<&EipAddress::address>,
     .doc = "The address; it agrees with the name of the object.",
     .fallback = "the address in the name"},
    {.path = "spec.eip",
     .type = FieldType::Name,
     .set = put<&EipAddress::eip>,
     .doc = "The Eip it comes from."},
    {.path = "spec.shareKey",
     .type = FieldType::String,
     .set = put<&EipAddress::share_key>,
     .doc = "The sharing key of its Services."},
    {.path = "spec.services",
     .type = FieldType::List,
     .doc =
         "The Services that hold it, in the order they joined. None: the address is reserved, and "
         "given to nobody."},
    {.path = "spec.services[]",
     .type = FieldType::Group,
     .set = begin<&EipAddress::services>,
     .doc = "One Service."},
    {.path = "spec.services[].namespace",
     .type = FieldType::Name,
     .set = [](Object& object,
               Value&& value) { assign(last_holder(object).service.ns, std::move(value)); },
     .doc = "Its namespace.",
     .required = true},
    {.path = "spec.services[].name",
     .type = FieldType::Name,
     .set = [](Object& object,
               Value&& value) { assign(last_holder(object).service.name, std::move(value)); },
     .doc = "Its name.",
     .required = true},
    {.path = "spec.services[].uid",
     .type = FieldType::String,
     .set = [](Object& object,
               Value&& value) { assign(last_holder(object).uid, std::move(value)); },
     .doc = "Its uid: a Service that was deleted and created anew is another one."},
    {.path = "spec.retainUntil",
     .type = FieldType::Time,
     .set = put<&EipAddress::retain_until>,
     .doc = "Kept for the same Service until then, by `reclaim` of the Eip."},
    {.path = "status", .type = FieldType::Opaque, .doc = "Written by Porter."},
});

constexpr Schema kSchema{
    .kind = Kind::EipAddress,
    .doc =
        "One address that is in use, retained or reserved, named by the address; an IPv6 address "
        "is "
        "written out in full with `-` for `:`, as in `2001-0db8-0000-0000-0000-0000-0000-0017`. "
        "Porter "
        "writes these objects. Write one without `services` to reserve an address.",
    .fields = kFields,
    .versions = Versions::V1alpha2,
};

}  // namespace

const Schema& eip_address_schema() {
  return kSchema;
}

}  // namespace porter::model
