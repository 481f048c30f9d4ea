// SPDX-License-Identifier: Apache-2.0
#include "kube/tls.hpp"

#include <array>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/verify_context.hpp>
#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/tree.hpp"
#include "kube/tls_link.hpp"

namespace porter::kube {
namespace {

namespace asio = io::asio;
namespace ssl = asio::ssl;

constexpr int kMostNames = 8;

std::string text_of(BIO* memory) {
  char* start = nullptr;
  const auto size = BIO_get_mem_data(memory, &start);
  return start != nullptr && size > 0 ? std::string{start, static_cast<std::size_t>(size)}
                                      : std::string{};
}

// What OpenSSL prints, as a text of one line.
template <class Print>
std::string printed(Print print) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> memory{BIO_new(BIO_s_mem()), &BIO_free};
  if (memory == nullptr) return {};
  print(memory.get());
  return text_of(memory.get());
}

std::string time_words(const ASN1_TIME* time) {
  return printed([&](BIO* out) { ASN1_TIME_print(out, time); });
}

std::string name_words(const X509_NAME* name) {
  return printed([&](BIO* out) { X509_NAME_print_ex(out, name, 0, XN_FLAG_ONELINE); });
}

// "DNS:kubernetes, IP Address:10.96.0.1"
std::string names_of(const X509* certificate) {
  const auto free_names = [](GENERAL_NAMES* names) { GENERAL_NAMES_free(names); };
  const std::unique_ptr<GENERAL_NAMES, decltype(free_names)> names{
      static_cast<GENERAL_NAMES*>(
          X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      free_names};
  if (names == nullptr) return "no name at all (it has no subjectAltName)";
  std::string words;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    if (i == kMostNames) return words + ", …";
    if (i > 0) words += ", ";
    words +=
        printed([&](BIO* out) { GENERAL_NAME_print(out, sk_GENERAL_NAME_value(names.get(), i)); });
  }
  return words;
}

// Why a certificate was not believed: what it says, and what we wanted.
std::string verdict_words(int verdict, const X509* certificate, const std::string& name) {
  if (certificate == nullptr) return X509_verify_cert_error_string(verdict);
  switch (verdict) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format("the certificate is for {}, not for {}; tls-server-name names another",
                         names_of(certificate), name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return fmt::format("the certificate of {} expired on {}",
                         name_words(X509_get_subject_name(certificate)),
                         time_words(X509_get0_notAfter(certificate)));
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("the certificate of {} is valid from {} on; is the clock right?",
                         name_words(X509_get_subject_name(certificate)),
                         time_words(X509_get0_notBefore(certificate)));
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
      return fmt::format(
          "the certificate is signed by an authority we do not know ({}); "
          "certificate-authority must hold it",
          name_words(X509_get_issuer_name(certificate)));
    default: return X509_verify_cert_error_string(verdict);
  }
}

class SecureLink final : public TlsLink {
 public:
  using TlsLink::TlsLink;

  // To be called once, before the handshake.
  Result<void> expect(const std::string& name) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(name.substr(0, name.find('%')), error);
    X509_VERIFY_PARAM* const wanted = SSL_get0_param(stream().native_handle());
    // RFC 9110 §4.3.4, and as Go does: the subject's common name counts for nothing.
    X509_VERIFY_PARAM_set_hostflags(
        wanted, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    // What is trusted is what certificate-authority holds, an intermediate too.
    X509_VERIFY_PARAM_set_flags(wanted, X509_V_FLAG_PARTIAL_CHAIN);
    bool is_set = false;
    if (error) {
      std::string host = name;  // what SSL_set_tlsext_host_name() does, without its cast of C
      is_set = X509_VERIFY_PARAM_set1_host(wanted, name.c_str(), name.size()) == 1 &&
               SSL_ctrl(stream().native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                        TLSEXT_NAMETYPE_host_name, host.data()) == 1;
    } else {  // RFC 6066 §3: no SNI for addresses
      is_set = X509_VERIFY_PARAM_set1_ip_asc(wanted, address.to_string().c_str()) == 1;
    }
    if (!is_set) return fail(Errc::Invalid, fmt::format("{}: no name of a server", shown(name)));
    name_ = name;
    stream().set_verify_callback(
        [this](bool is_good, ssl::verify_context& context) { return note(is_good, context); },
        error);
    if (error) return fail(Errc::Unavailable, tls_words(error));
    return {};
  }

  // In words; empty: well.
  io::Task<std::string> handshake() {
    const auto [error] = co_await stream().async_handshake(ssl::stream_base::client, io::kAwait);
    std::string words;
    if (error) words = verdict_.empty() ? tls_words(error) : verdict_;
    co_return words;
  }

 private:
  bool note(bool is_good, ssl::verify_context& context) {
    X509_STORE_CTX* const store = context.native_handle();
    if (!is_good && verdict_.empty()) {
      verdict_ = verdict_words(X509_STORE_CTX_get_error(store),
                               X509_STORE_CTX_get_current_cert(store), name_);
    }
    return is_good;
  }

  std::string name_;
  std::string verdict_;
};

}  // namespace

struct TlsContext::State {
  ssl::context context{ssl::context::tls_client};
};

TlsContext::TlsContext(std::unique_ptr<State> state) : state_{std::move(state)} {}
TlsContext::~TlsContext() = default;

Result<std::shared_ptr<TlsContext>> TlsContext::open(const TlsMaterial& material) {
  auto state = std::make_unique<State>();
  ssl::context& context = state->context;
  SSL_CTX* const native = context.native_handle();
  SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  SSL_CTX_set_options(native, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);  // a watch is quiet for minutes
  boost::system::error_code error;
  context.set_verify_mode(material.insecure_skip_tls_verify ? ssl::verify_none : ssl::verify_peer,
                          error);
  // Else OpenSSL asks the terminal for the password of a key.
  const auto no_password = [](std::size_t, ssl::context::password_purpose) {
    return std::string{};
  };
  if (!error) context.set_password_callback(no_password, error);
  if (error) return fail(Errc::Unavailable, "TLS: " + tls_words(error));
  if (material.authority.empty()) {
    context.set_default_verify_paths(error);
    if (error) return fail(Errc::Unavailable, "the system's authorities: " + tls_words(error));
  } else {
    context.add_certificate_authority(asio::buffer(material.authority), error);
    const auto* const known = X509_STORE_get0_objects(SSL_CTX_get_cert_store(native));
    if (error || sk_X509_OBJECT_num(known) == 0)
      return fail(Errc::Invalid, "certificate-authority: holds no certificate in PEM");
  }
  if (!material.certificate.empty()) {
    context.use_certificate_chain(asio::buffer(material.certificate), error);
    if (error) return fail(Errc::Invalid, "client-certificate: is no certificate in PEM");
    context.use_private_key(asio::buffer(material.key), ssl::context::pem, error);
    if (error || SSL_CTX_check_private_key(native) != 1) {
      return fail(Errc::Invalid,
                  "client-key: is no private key in PEM without a password, or not the one of "
                  "client-certificate");
    }
  }
  return std::shared_ptr<TlsContext>{new TlsContext{std::move(state)}};
}

io::Task<Result<std::unique_ptr<Link>>> TlsContext::handshake(std::shared_ptr<TlsContext> self,
                                                              Tcp::socket socket, std::string name,
                                                              std::chrono::milliseconds limit) {
  auto link = std::make_unique<SecureLink>(std::move(socket), self->state_->context);
  if (auto expected = link->expect(name); !expected)
    co_return Failure<>{std::move(expected.error())};
  TimeLimit time{link->socket()};
  time.within(limit);
  std::string why = co_await link->handshake();
  if (time.is_over()) why = fmt::format("no TLS handshake within {} ms", limit.count());
  if (!why.empty()) co_return fail(Errc::Unavailable, "TLS: " + why);
  co_return std::unique_ptr<Link>{std::move(link)};
}

}  // namespace porter::kube
