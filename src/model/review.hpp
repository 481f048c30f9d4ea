// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "model/decode.hpp"

// The answers of the webhooks, from request to response: total, whatever somebody posts. Who serves
// them is not known here.
namespace porter::model {

// ConversionReview of apiextensions.k8s.io/v1. One object that cannot be converted fails the whole
// review, as the API server wants it, with words for each that cannot.
[[nodiscard]] Tree answer_conversion(const Tree& review);

// What admission has to know of the cluster.
struct AddressUse {
  Address address;
  std::string holder;  // "shop/web"
};
struct AdmissionFacts {
  // The addresses in use of an Eip, of any pieces it has or had. Empty function: none are known.
  std::function<std::vector<AddressUse>(const std::string& eip)> in_use;
};

// AdmissionReview of admission.k8s.io/v1 for creation and update of our kinds; everything else is
// allowed. Refuses with the words of `porter validate`, all of them at once; its warnings become
// warnings. An update is not refused for what was wrong before it, nor while the object is being
// deleted: its finalizers must be removable.
[[nodiscard]] Tree answer_admission(const Tree& review, const AdmissionFacts& facts);

// "spec.address: 10.0.0.0/33: …", as every command says it.
[[nodiscard]] std::string words_of(const Problem& problem);

}  // namespace porter::model
