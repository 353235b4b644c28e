//! An exchange's nonce, and what follows from it: the seed and the answer's id. FORMAT.md §11.3.

use assay_verifier::{ids::Nonce, operation::NonceClaim};
use axum::http::HeaderMap;
use sha2::{Digest as _, Sha256};

use super::{
    fault::{Code, Fault},
    fields::Fields,
};
use crate::{error::Error, random};

/// The header that may bring it.
const HEADER: &str = "assay-nonce";
/// The field of the body that may bring it.
const FIELD: &str = "assay_nonce";

/// The nonce of the header. Errors: it is none, or comes twice.
pub(super) fn of_header(headers: &HeaderMap) -> Result<Option<Nonce>, Fault> {
    let mut values = headers.get_all(HEADER).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => parse(HEADER, value.as_bytes()).map(Some),
        _ => Err(Code::InvalidNonce.about(HEADER, "the header comes twice")),
    }
}

/// The client's nonce, of the header or the body. Errors: they differ.
pub(super) fn of_body(header: Option<Nonce>, fields: &mut Fields) -> Result<Option<Nonce>, Fault> {
    let field = fields.text(FIELD)?;
    let field = field.map(|text| parse(FIELD, text.as_bytes())).transpose()?;
    match (header, field) {
        (Some(header), Some(field)) if header != field => {
            let why = format!("the header {HEADER} has another nonce");
            Err(Code::NonceMismatch.about(FIELD, why))
        }
        (header, field) => Ok(header.or(field)),
    }
}

/// The client's nonce, or one that is made now.
pub(super) fn claim(client: Option<Nonce>) -> Result<NonceClaim, Error> {
    match client {
        Some(nonce) => Ok(NonceClaim::Client(nonce)),
        None => Ok(NonceClaim::Server(Nonce::new(&random::bytes::<32>()?)?)),
    }
}

/// The seed, where the client names none: whoever relays the request cannot choose it.
pub(super) fn seed(nonce: &NonceClaim, request: &[u8]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = hash("assay/seed/1", nonce, request);
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// What the answer's id ends with. It is in the bytes of the answer, so it follows from the request,
/// not from chance: equal requests get equal bytes.
pub(super) fn answer(nonce: &NonceClaim, request: &[u8]) -> String {
    let [id @ .., _, _, _, _, _, _, _, _] = hash("assay/answer/1", nonce, request);
    hex::encode(id)
}

fn hash(purpose: &str, nonce: &NonceClaim, request: &[u8]) -> [u8; 32] {
    let nonce = nonce.nonce().map_or(&[][..], Nonce::as_bytes);
    let hash = Sha256::new().chain_update(purpose).chain_update(nonce);
    hash.chain_update(request).finalize().into()
}

fn parse(place: &str, text: &[u8]) -> Result<Nonce, Fault> {
    let refuse = |why: String| Code::InvalidNonce.about(place, why);
    let bytes = hex::decode(text)
        .map_err(|error| refuse(format!("expected hexadecimal digits in pairs: {error}")))?;
    Nonce::new(&bytes).map_err(|error| refuse(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::{super::json::Json, *};

    #[test]
    fn header_and_field_agree_or_are_refused() {
        let a = "aa".repeat(16);
        let b = "bb".repeat(64);
        for (header, field, found) in [
            (None, None, Ok(None)),
            (Some(&*a), None, Ok(Some(16))),
            (None, Some(&*b), Ok(Some(64))),
            (Some(&*a), Some(&*a), Ok(Some(16))),
            (Some(&*a), Some(&*b), Err(Code::NonceMismatch)),
            (Some("aa"), None, Err(Code::InvalidNonce)),
            (Some("zz"), None, Err(Code::InvalidNonce)),
            (None, Some(&a[1..]), Err(Code::InvalidNonce)),
        ] {
            let headers = header.map(|text| (HEADER.parse().unwrap(), text.parse().unwrap()));
            let headers = HeaderMap::from_iter(headers);
            let field = field.map_or(Json::Null, |text| Json::Text(text.to_owned()));
            let body = Json::Object([(FIELD.to_owned(), field)].into());
            let mut fields = Fields::of(body, "").unwrap();
            let nonce = of_header(&headers).and_then(|header| of_body(header, &mut fields));
            let nonce = nonce.map(|nonce| nonce.map(|nonce| nonce.as_bytes().len()));
            assert_eq!(nonce.map_err(|fault| fault.code), found);
        }
    }

    /// Computed with `printf 'assay/seed/1%s%s' … | sha256sum`.
    #[test]
    fn the_seed_is_what_the_format_says() {
        let nonce = NonceClaim::Client(Nonce::new(b"0123456789abcdef").unwrap());
        assert_eq!(seed(&nonce, b"{}"), SEED);
        assert_ne!(seed(&nonce, b"{ }"), SEED);
        assert_eq!(answer(&nonce, b"{}").len(), 48);
    }

    const SEED: u64 = 0x8cc7_8f78_728a_2490;
}
