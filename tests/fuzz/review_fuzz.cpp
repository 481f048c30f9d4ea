// SPDX-License-Identifier: Apache-2.0
#include <cstdint>
#include <string>
#include <string_view>

#include "model/conversion.hpp"
#include "model/json.hpp"
#include "model/review.hpp"

// The body of a request to the webhooks: any text, read as JSON as they read it. Whatever it is,
// there is an answer, and that answer is JSON; an object that converts comes back as it was.
namespace {

using porter::Result;
using porter::Tree;

void check_conversion(const Tree& object) {
  for (const std::string_view there :
       {"network.kubesphere.io/v1alpha1", "network.kubesphere.io/v1alpha2"}) {
    const Result<Tree> converted = porter::model::convert(object, there);
    if (!converted) continue;
    const Result<Tree> back = porter::model::convert(*converted, object["apiVersion"].text());
    if (!back) __builtin_trap();
    if ((*back)["metadata"]["name"] != object["metadata"]["name"]) __builtin_trap();
    // Null counts as absent, and of a key that is there twice one is meant.
    const Result<Tree> again = porter::model::convert(*back, there);
    if (!again) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text{data, data + size};
  const Result<Tree> review = porter::model::parse_json(text);
  if (!review) return 0;
  const porter::model::AdmissionFacts facts{.in_use = [](const std::string& eip) {
    return std::vector<porter::model::AddressUse>{
        {.address = porter::Address::v4(0x0a000001U), .holder = eip}};
  }};
  for (const Tree& answer : {porter::model::answer_conversion(*review),
                             porter::model::answer_admission(*review, facts)}) {
    if (!answer["response"].is_map()) __builtin_trap();
    if (!porter::model::parse_json(porter::to_json(answer, 0))) __builtin_trap();
  }
  for (const Tree& object : (*review)["request"]["objects"].items())
    check_conversion(object);
  return 0;
}
