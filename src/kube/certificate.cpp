// SPDX-License-Identifier: Apache-2.0
#include "kube/certificate.hpp"

#include <memory>
#include <utility>

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/tree.hpp"

namespace porter::kube {
namespace {

constexpr std::size_t kMostCertificates = 16;
constexpr int kSerialOctets = 16;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* thing) const {
    Free(thing);
  }
};
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freed<X509_EXTENSION_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

Memory reading(std::string_view text) {
  return Memory{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
}

template <class Write>
std::string written(Write write) {
  const Memory memory{BIO_new(BIO_s_mem())};
  if (memory == nullptr || write(memory.get()) != 1) return {};
  char* start = nullptr;
  const auto size = BIO_get_mem_data(memory.get(), &start);
  return {start, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return written([&](BIO* out) { return PEM_write_bio_X509(out, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
  return written([&](BIO* out) {
    return PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

// A key with a password is one we cannot read; OpenSSL would ask the terminal for it.
int no_password(char* /*buffer*/, int /*size*/, int /*writes*/, void* /*nothing*/) {
  return 0;
}

Certificate certificate_in(std::string_view text) {
  return Certificate{PEM_read_bio_X509(reading(text).get(), nullptr, &no_password, nullptr)};
}

UnixTime unix_time(const ASN1_TIME* time) {
  int days = 0;
  int seconds = 0;
  const std::unique_ptr<ASN1_TIME, Freed<ASN1_TIME_free>> epoch{ASN1_TIME_set(nullptr, 0)};
  if (epoch == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return 0;
  return UnixTime{days} * 86'400 + seconds;
}

Error broken(std::string_view what) {
  ERR_clear_error();
  return Error{Errc::Unavailable, fmt::format("OpenSSL: cannot make {}", what)};
}

// RFC 5280 §4.1.2.2: positive and unique; 127 random bits are.
bool set_serial(X509* certificate, std::string& text) {
  unsigned char octets[kSerialOctets];
  if (RAND_bytes(octets, kSerialOctets) != 1) return false;
  octets[0] = static_cast<unsigned char>(octets[0] & 0x7fU);
  const Number number{BN_bin2bn(octets, kSerialOctets, nullptr)};
  if (number == nullptr) return false;
  for (const unsigned char octet : octets)
    text += fmt::format("{:02x}", octet);
  return BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool extend(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_name(X509_NAME* name, const std::string& common) {
  const std::vector<unsigned char> octets{common.begin(), common.end()};
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, octets.data(),
                                    static_cast<int>(octets.size()), -1, 0) == 1;
}

bool is_address(const std::string& name) {
  boost::system::error_code error;
  static_cast<void>(boost::asio::ip::make_address(name, error));
  return !error;
}

// "DNS:a.b.svc,IP:127.0.0.1"
std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", is_address(name) ? "IP" : "DNS", name);
  }
  return text;
}

// Version 3, a serial number, the validity and the key; the serial number as text, empty: it
// failed.
std::string begin(X509* certificate, EVP_PKEY* key, const LeafRequest& request) {
  std::string serial;
  const bool is_good =
      X509_set_version(certificate, X509_VERSION_3) == 1 && set_serial(certificate, serial) &&
      ASN1_TIME_set(X509_getm_notBefore(certificate), request.not_before) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate), request.not_after) != nullptr &&
      X509_set_pubkey(certificate, key) == 1;
  return is_good ? serial : std::string{};
}

// An authority is known by its name: each has another.
bool make_authority(X509* certificate, EVP_PKEY* key, const LeafRequest& request) {
  const std::string serial = begin(certificate, key, request);
  X509_NAME* const name = X509_get_subject_name(certificate);
  return !serial.empty() && set_name(name, "porter-webhook-ca-" + serial.substr(0, 16)) &&
         X509_set_issuer_name(certificate, name) == 1 &&
         extend(certificate, certificate, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
         extend(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         extend(certificate, certificate, NID_subject_key_identifier, "hash") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

bool make_server(X509* certificate, EVP_PKEY* key, X509* authority, EVP_PKEY* signer,
                 const LeafRequest& request) {
  return !begin(certificate, key, request).empty() &&
         set_name(X509_get_subject_name(certificate), "porter-webhook") &&
         X509_set_issuer_name(certificate, X509_get_subject_name(authority)) == 1 &&
         extend(certificate, authority, NID_basic_constraints, "critical,CA:FALSE") &&
         extend(certificate, authority, NID_key_usage, "critical,digitalSignature") &&
         extend(certificate, authority, NID_ext_key_usage, "serverAuth") &&
         extend(certificate, authority, NID_authority_key_identifier, "keyid") &&
         extend(certificate, authority, NID_subject_alt_name, alternative_names(request.names)) &&
         X509_sign(certificate, signer, EVP_sha256()) > 0;
}

bool is_for(X509* certificate, const std::string& name) {
  if (is_address(name)) return X509_check_ip_asc(certificate, name.c_str(), 0) == 1;
  return X509_check_host(certificate, name.c_str(), name.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

// Whether `authority` vouches for it, over the intermediate certificates that stand behind it; what
// time it is does not matter here.
bool is_signed_by(X509* certificate, const std::vector<Certificate>& between, X509* authority) {
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store{X509_STORE_new()};
  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> context{X509_STORE_CTX_new()};
  STACK_OF(X509)* const chain = sk_X509_new_null();
  if (store == nullptr || context == nullptr || chain == nullptr) {
    sk_X509_free(chain);
    return false;
  }
  for (const Certificate& one : between)
    sk_X509_push(chain, one.get());
  const bool is_good = X509_STORE_add_cert(store.get(), authority) == 1 &&
                       X509_STORE_set_flags(store.get(), X509_V_FLAG_NO_CHECK_TIME |
                                                             X509_V_FLAG_PARTIAL_CHAIN) == 1 &&
                       X509_STORE_CTX_init(context.get(), store.get(), certificate, chain) == 1 &&
                       X509_verify_cert(context.get()) == 1;
  sk_X509_free(chain);
  ERR_clear_error();
  return is_good;
}

std::vector<Certificate> all_in(std::string_view text) {
  std::vector<Certificate> all;
  const Memory memory = reading(text);
  while (memory != nullptr && all.size() < kMostCertificates) {
    Certificate one{PEM_read_bio_X509(memory.get(), nullptr, &no_password, nullptr)};
    if (one == nullptr) break;
    all.push_back(std::move(one));
  }
  ERR_clear_error();
  return all;
}

}  // namespace

Result<Leaf> make_leaf(const LeafRequest& request) {
  const Key signer{EVP_EC_gen("P-256")};
  const Key key{EVP_EC_gen("P-256")};
  const Certificate authority{X509_new()};
  const Certificate server{X509_new()};
  if (signer == nullptr || key == nullptr || authority == nullptr || server == nullptr)
    return Failure<>{broken("keys")};
  if (!make_authority(authority.get(), signer.get(), request))
    return Failure<>{broken("an authority")};
  if (!make_server(server.get(), key.get(), authority.get(), signer.get(), request))
    return Failure<>{broken(fmt::format("a certificate for {}", alternative_names(request.names)))};
  return Leaf{.certificate = pem_of(server.get()),
              .key = pem_of(key.get()),
              .authority = pem_of(authority.get()),
              .not_before = request.not_before,
              .not_after = request.not_after};
}

Result<Leaf> read_leaf(const std::string& certificate, const std::string& key,
                       const std::vector<std::string>& authorities, const std::string& name) {
  std::vector<Certificate> chain = all_in(certificate);
  if (chain.empty()) return fail(Errc::Invalid, "tls.crt holds no certificate in PEM");
  const Certificate server = std::move(chain.front());
  chain.erase(chain.begin());
  const Key own{PEM_read_bio_PrivateKey(reading(key).get(), nullptr, &no_password, nullptr)};
  const bool is_pair = own != nullptr && X509_check_private_key(server.get(), own.get()) == 1;
  ERR_clear_error();
  if (own == nullptr)
    return fail(Errc::Invalid, "tls.key holds no private key in PEM without a password");
  if (!is_pair) return fail(Errc::Invalid, "tls.key is not the key of tls.crt");
  if (!is_for(server.get(), name))
    return fail(Errc::Invalid, fmt::format("tls.crt is not for {}", shown(name)));
  for (const std::string& text : authorities) {
    const Certificate authority = certificate_in(text);
    if (authority == nullptr || !is_signed_by(server.get(), chain, authority.get())) continue;
    return Leaf{.certificate = certificate,
                .key = key,
                .authority = text,
                .not_before = unix_time(X509_get0_notBefore(server.get())),
                .not_after = unix_time(X509_get0_notAfter(server.get()))};
  }
  ERR_clear_error();
  return fail(Errc::Invalid, authorities.empty() ? "ca.crt holds no certificate in PEM"
                                                 : "tls.crt is signed by nobody in ca.crt");
}

std::vector<std::string> certificates_in(std::string_view text) {
  std::vector<std::string> texts;
  for (const Certificate& one : all_in(text))
    texts.push_back(pem_of(one.get()));
  return texts;
}

}  // namespace porter::kube
