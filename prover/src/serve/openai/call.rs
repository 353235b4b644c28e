//! A call: a request whose body was read, and the way to its receipt, however it ends.

use std::{
    sync::{Arc, PoisonError},
    time::Instant,
};

use assay_verifier::{
    evidence::Evidence,
    ids::{Name, OperationDigest, Sha256Digest},
    operation::{NonceClaim, Setting, Settings},
};
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use base64ct::{Base64, Encoding as _};

use super::{
    super::{app::App, body::Whole},
    exchange::{Exchange, Outcome},
    fault::{Code, Fault, retry},
    models::Offered,
};
use crate::{cli::now, error::Error, jobs::short};

/// A request whose body was read.
pub(super) struct Call {
    pub(super) app: Arc<App>,
    /// The model that it is for; the first, where it names none.
    pub(super) offered: Arc<Offered>,
    pub(super) path: &'static str,
    pub(super) nonce: NonceClaim,
    /// Its room is held until the receipt is made: the receipt is of its bytes.
    pub(super) request: Whole,
    pub(super) begun: Instant,
}

/// How a call came out, as its receipt will say.
pub(super) struct Ended {
    pub(super) outcome: Outcome,
    pub(super) status: StatusCode,
    /// Settings beyond those of every exchange.
    pub(super) settings: Settings,
    pub(super) response: Vec<u8>,
    pub(super) stream: bool,
}

/// A receipt that is ready to be handed out.
pub(super) struct Receipted {
    pub(super) id: OperationDigest,
    /// CBOR in base64.
    pub(super) base64: String,
    pub(super) response: Vec<u8>,
}

impl Call {
    /// Has the exchange signed where the model ran, holds the receipt against its bytes, and keeps it.
    pub(super) async fn close(&self, ended: Ended) -> Result<Receipted, Fault> {
        let Ended { outcome, status, settings, response, stream } = ended;
        let receipted = async {
            let mut all = self.offered.settings()?;
            all.extend(settings);
            all.extend(resource(self.path, status.as_u16())?);
            self.sign(Exchange {
                name: self.offered.operation.clone(),
                model: self.offered.digest(),
                settings: all,
                nonce: self.nonce.clone(),
                outcome,
                request: self.request.bytes.to_vec(),
                response,
                stream,
            })
            .await
        };
        let name = self.offered.operation.as_str();
        let elapsed_ms = Some(self.begun.elapsed().as_secs_f64() * 1000.0);
        match receipted.await {
            Ok(receipted) => {
                let measured = elapsed_ms.filter(|_| outcome.answers());
                self.app.metrics.operation(name, outcome.name(), measured);
                Ok(receipted)
            }
            Err(error) => {
                self.app.metrics.operation(name, error.code(), None);
                tracing::error!(code = error.code(), %error, name, "an exchange has no receipt");
                Err(Code::ReceiptFailed.because("there is no receipt; the service's log says why"))
            }
        }
    }

    async fn sign(&self, exchange: Exchange) -> Result<Receipted, Error> {
        let (outcome, bytes) = (exchange.outcome.name(), exchange.response.len());
        let (exchange, receipt, signed) = self.app.engine.exchange(exchange).await?;
        let checking = Instant::now();
        let session = receipt.evidence().first().and_then(Evidence::document).map(Sha256Digest::of);
        let known = *self.app.convinced.lock().unwrap_or_else(PoisonError::into_inner);
        let checked = tokio::task::spawn_blocking(move || {
            // The first receipt of a session is held against its bytes as a client will; those that follow
            // differ in what was hashed and signed, by the same lines and the same key.
            if session.is_none() || session != known {
                exchange.convinces(&receipt, now()?)?;
            }
            Ok::<_, Error>((exchange.response, receipt.digest(), receipt.to_bytes()))
        });
        let checked = checked.await.map_err(|error| Error::Panicked { why: error.to_string() })?;
        let (response, id, receipt) = checked?;
        *self.app.convinced.lock().unwrap_or_else(PoisonError::into_inner) = session;
        let check_ms = checking.elapsed().as_secs_f64() * 1000.0;
        let name = self.offered.operation.as_str();
        let storing = Instant::now();
        // The answer names the receipt: it is kept first.
        self.app.store.submit(id, name, &receipt, &[], 0).await?;
        let store_ms = storing.elapsed().as_secs_f64() * 1000.0;
        let sign_ms = signed.as_secs_f64() * 1000.0;
        let elapsed_ms = self.begun.elapsed().as_secs_f64() * 1000.0;
        tracing::info!(
            operation = short(&id.to_string()),
            name,
            outcome,
            bytes,
            elapsed_ms,
            sign_ms,
            check_ms,
            store_ms,
            "exchanged"
        );
        Ok(Receipted { id, base64: Base64::encode_string(&receipt), response })
    }

    /// The response to a request that nothing was done for, or that failed before it was answered.
    pub(super) async fn fault(&self, fault: &Fault, settings: Settings) -> Response {
        let status = fault.code.status();
        let outcome = match fault.code {
            Code::EngineFailed => Outcome::Error,
            _ => Outcome::Refused,
        };
        let response = fault.body();
        self.respond(Ended { outcome, status, settings, response, stream: false }).await
    }

    /// The response to a request that something was done for, until it failed.
    pub(super) async fn failed(&self, fault: &Fault, settings: Settings) -> Response {
        let (outcome, status, response) = (Outcome::Error, fault.code.status(), fault.body());
        self.respond(Ended { outcome, status, settings, response, stream: false }).await
    }

    /// The response in one piece, with its receipt.
    pub(super) async fn respond(&self, ended: Ended) -> Response {
        let status = ended.status;
        match self.close(ended).await {
            Ok(receipted) => receipted.into_response(status),
            Err(fault) => fault.into_response(),
        }
    }
}

/// The settings that say what was asked, and the status of the response. FORMAT.md §11.2.
pub(super) fn resource(path: &str, status: u16) -> Result<Settings, Error> {
    let named = [
        ("method", Setting::Text("POST".to_owned())),
        ("path", Setting::Text(path.to_owned())),
        ("status", Setting::Int(status.into())),
    ];
    named.into_iter().map(|(name, setting)| Ok((Name::new(name)?, setting))).collect()
}

impl Receipted {
    fn into_response(self, status: StatusCode) -> Response {
        let json = (header::CONTENT_TYPE, "application/json");
        let mut response = (status, [json], self.response).into_response();
        retry(&mut response, status);
        let headers = response.headers_mut();
        let id = HeaderValue::from_str(&self.id.to_string());
        let inline = (self.base64.len() <= MAX_HEADER).then(|| HeaderValue::from_str(&self.base64));
        for (name, value) in [("assay-receipt", Some(id)), ("assay-receipt-cbor", inline)] {
            // Digits, letters and + / = are values of a header.
            if let Some(Ok(value)) = value {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

/// Proxies read 4 KiB of headers, all together, as they are set up by default. FORMAT.md §11.4.
const MAX_HEADER: usize = 2_048;
