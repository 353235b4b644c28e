//! Packs the image with AWS's library, and holds its registers against our own.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, ensure};
use aws_nitro_enclaves_image_format::{
    defs::{EifBuildInfo, EifIdentityInfo},
    utils::{EifBuilder, SignKeyData},
};
use clap::Args;
use sha2::{Digest as _, Sha256, Sha384};

use crate::{
    eif,
    measurements::{Input, Measurements, Part},
};

/// What an image is made of.
#[derive(Args)]
pub(crate) struct Parts {
    /// The kernel, a bzImage.
    #[arg(long)]
    kernel: PathBuf,
    /// Its command line.
    #[arg(long)]
    cmdline: String,
    /// The ramdisk with init.
    #[arg(long)]
    init: PathBuf,
    /// The ramdisk with the prover.
    #[arg(long)]
    prover: PathBuf,
    /// What everything was made from: a line each of kind, name, version and SHA-256, with tabs between.
    #[arg(long)]
    inputs: PathBuf,
    /// Parts whose sizes and digests are to be told beside the sections': NAME=FOLDER or NAME=FILE.
    #[arg(long = "part", value_name = "NAME=PATH")]
    parts: Vec<String>,
    /// Private key to sign with: a file in PEM, or the name of a key in AWS KMS.
    #[arg(long, requires = "certificate")]
    key: Option<String>,
    /// The key's certificate, PEM: its digest becomes PCR8.
    #[arg(long, requires = "key")]
    certificate: Option<PathBuf>,
    /// The image to write.
    #[arg(short, long)]
    output: PathBuf,
    /// The measurements to write.
    #[arg(long)]
    measurements: PathBuf,
}

/// Packs, measures twice, writes both files.
pub(crate) fn pack(parts: &Parts) -> Result<()> {
    let sign = match (&parts.key, &parts.certificate) {
        (Some(key), Some(certificate)) => {
            Some(SignKeyData::new(key, certificate).map_err(|why| anyhow!(why))?)
        }
        _ => None,
    };
    let mut builder = EifBuilder::new(
        &parts.kernel,
        parts.cmdline.clone(),
        sign,
        Sha384::new(),
        X86_64,
        identity(),
    );
    builder.add_ramdisk(&parts.init);
    builder.add_ramdisk(&parts.prover);
    let part = parts.output.with_extension("part");
    let mut file = fs::File::create(&part).with_context(|| part.display().to_string())?;
    let mut theirs = builder.write_to(&mut file);
    drop(file);
    theirs.remove("HashAlgorithm");
    let image = fs::read(&part)?;
    let ours = eif::Image::parse(&image)?.registers();
    for (name, value) in &ours {
        let found = theirs.get(name);
        ensure!(
            found == Some(value),
            "two opinions on {name}: {value} by this program, {found:?} by AWS's library"
        );
    }
    let measurements = Measurements {
        registers: theirs,
        parts: listed(parts)?,
        cmdline: parts.cmdline.clone(),
        inputs: Input::read(&parts.inputs)?,
    };
    crate::write(&parts.measurements, measurements.to_json()?.as_bytes())?;
    fs::rename(&part, &parts.output)?;
    print!("{measurements}");
    println!("{}  {} bytes, {}", parts.output.display(), image.len(), sha256(&image));
    Ok(())
}

/// Flags of the header: the architecture's bit is set for ARM.
const X86_64: u16 = 0;

/// What is told and not measured. No time: the file is the same whenever it is built.
fn identity() -> EifIdentityInfo {
    EifIdentityInfo {
        img_name: "assay".to_owned(),
        img_version: env!("CARGO_PKG_VERSION").to_owned(),
        build_info: EifBuildInfo {
            build_time: "1970-01-01T00:00:00+00:00".to_owned(),
            build_tool: env!("CARGO_PKG_NAME").to_owned(),
            build_tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            img_os: "none".to_owned(),
            img_kernel: "see measurements.json".to_owned(),
        },
        docker_info: serde_json::json!({}),
        custom_info: serde_json::json!({}),
    }
}

fn listed(parts: &Parts) -> Result<BTreeMap<String, Part>> {
    let mut listed = BTreeMap::new();
    let sections = [
        ("kernel", &parts.kernel),
        ("ramdisk-init", &parts.init),
        ("ramdisk-prover", &parts.prover),
    ];
    for (name, path) in sections {
        listed.insert(name.to_owned(), Part::of(path)?);
    }
    for part in &parts.parts {
        let (name, path) = part.split_once('=').context("expected NAME=PATH")?;
        listed.insert(name.to_owned(), Part::of(Path::new(path))?);
    }
    Ok(listed)
}

/// In hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use openssl::{
        asn1::Asn1Time,
        ec::{EcGroup, EcKey},
        hash::MessageDigest,
        nid::Nid,
        pkey::PKey,
        x509::{X509Builder, X509NameBuilder},
    };

    use super::*;

    /// What signs, and the digest that PCR8 is to be: 48 zeros and SHA-384 of the certificate.
    fn signer(folder: &Path) -> (String, PathBuf, String) {
        let group = EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let mut name = X509NameBuilder::new().unwrap();
        name.append_entry_by_text("CN", "whoever packs").unwrap();
        let name = name.build();
        let mut certificate = X509Builder::new().unwrap();
        certificate.set_subject_name(&name).unwrap();
        certificate.set_issuer_name(&name).unwrap();
        certificate.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
        certificate.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
        certificate.set_pubkey(&key).unwrap();
        certificate.sign(&key, MessageDigest::sha384()).unwrap();
        let certificate = certificate.build();
        let paths = [folder.join("key.pem"), folder.join("certificate.pem")];
        fs::write(&paths[0], key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        fs::write(&paths[1], certificate.to_pem().unwrap()).unwrap();
        let digest = Sha384::digest(certificate.to_der().unwrap());
        let [key, certificate] = paths;
        (key.display().to_string(), certificate, eif::extended(&digest))
    }

    #[test]
    fn a_signature_adds_a_register_and_changes_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["kernel", "init", "prover"] {
            fs::write(path(name), name.repeat(1000)).unwrap();
        }
        fs::write(path("inputs"), format!("source\tkernel\t1\t{}\n", "00".repeat(32))).unwrap();
        let (key, certificate, register) = signer(folder.path());
        let packed = |name: &str, signer: Option<(String, PathBuf)>| {
            let (key, certificate) = signer.unzip();
            let parts = Parts {
                kernel: path("kernel"),
                cmdline: "console=ttyS0".to_owned(),
                init: path("init"),
                prover: path("prover"),
                inputs: path("inputs"),
                parts: Vec::new(),
                key,
                certificate,
                output: path(name),
                measurements: path("measurements.json"),
            };
            pack(&parts).unwrap();
            Measurements::read(&path("measurements.json")).unwrap().registers
        };
        let plain = packed("plain.eif", None);
        let mut signed = packed("signed.eif", Some((key, certificate)));
        assert_eq!(signed.remove("PCR8"), Some(register));
        assert_eq!(signed, plain);
        assert_eq!(plain.keys().collect::<Vec<_>>(), ["PCR0", "PCR1", "PCR2"]);
    }
}
