//! How a value of a step appears among the public inputs of its key (FORMAT.md §6.3, §6.4).

use ark_bls12_381::Fr;
use ciborium::Value as Cbor;
use serde::Serialize;

use crate::{
    Error,
    cbor::{self, Item},
    ids::Name,
    operation::{Step, ValueEntry},
    poseidon,
    value::{TensorType, Type},
};

/// A value that a step takes or gives: its type, and what a verifier must know of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Port {
    /// Type of the value.
    #[serde(rename = "type")]
    pub kind: Type,
    /// What of the value is among the public inputs.
    #[serde(flatten)]
    pub visibility: Visibility,
}

/// What of a value is among the public inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "visibility", rename_all = "kebab-case")]
pub enum Visibility {
    /// Its commitment: the circuit opens it, and nothing of the value need be known.
    Committed,
    /// Every element by itself. The circuit believes that each is in the range; the verifier, who must
    /// have the value, checks it.
    Listed {
        /// Smallest integer.
        low: i64,
        /// Largest integer.
        high: i64,
    },
    /// The packed elements of FORMAT.md §2.5. The circuit shows that each integer is in its slot.
    Packed,
}

impl Port {
    /// How many public inputs the value has.
    pub fn public_inputs(&self) -> usize {
        let tensor = self.kind.tensor();
        let elements = tensor.map_or(0, TensorType::elements);
        match self.visibility {
            Visibility::Committed => 1,
            Visibility::Listed { .. } => elements,
            Visibility::Packed => {
                let bits = tensor.and_then(|tensor| tensor.dtype().slot_bits());
                // A type without slots is refused where a port is read.
                bits.map_or(0, |bits| elements.div_ceil(poseidon::slots_per_element(bits).max(1)))
            }
        }
    }

    /// The public inputs for a value of `step`, `opened` being its bytes where they are known and were
    /// held against the commitment. Errors: a public value that is not opened, or that leaves the
    /// range; a commitment that Poseidon did not make.
    pub fn elements(
        &self,
        step: &Name,
        value: &ValueEntry,
        opened: Option<&[u8]>,
    ) -> Result<Vec<Fr>, Error> {
        let public = || {
            let hidden =
                || Error::PublicValueHidden { step: step.clone(), value: value.name.clone() };
            Ok::<_, Error>((self.tensor()?, opened.ok_or_else(hidden)?))
        };
        match self.visibility {
            Visibility::Committed => {
                let element = value.commitment.element().ok_or_else(|| Error::StepInvalid {
                    step: step.clone(),
                    why: "a value of a step that promises zk is committed to with Poseidon",
                })?;
                Ok(vec![element])
            }
            Visibility::Listed { low, high } => {
                let (tensor, bytes) = public()?;
                let integers = tensor.integers(bytes)?;
                if let Some(found) = integers.iter().find(|found| !(low..=high).contains(*found)) {
                    let (value, found) = (value.name.clone(), *found);
                    return Err(Error::PublicValueRange { value, low, high, found });
                }
                Ok(integers.into_iter().map(Fr::from).collect())
            }
            Visibility::Packed => {
                let (tensor, bytes) = public()?;
                poseidon::pack(tensor, bytes)
            }
        }
    }

    pub(super) fn to_cbor(&self) -> Cbor {
        let kind = self.kind.to_cbor();
        match self.visibility {
            Visibility::Committed => cbor::array([kind, cbor::text(COMMITTED)]),
            Visibility::Listed { low, high } => {
                cbor::array([kind, cbor::text(LISTED), cbor::int(low), cbor::int(high)])
            }
            Visibility::Packed => cbor::array([kind, cbor::text(PACKED)]),
        }
    }

    pub(super) fn list_from_cbor(item: Item<'_>) -> Result<Vec<Self>, Error> {
        let items = item.list()?;
        if items.len() > Step::MAX_VALUES {
            return item.refuse("a list of 1 to 64");
        }
        items.map(Self::from_cbor).collect()
    }

    /// Errors: another form; a public port of a type without slots; a range that is empty or not
    /// within the type.
    fn from_cbor(item: Item<'_>) -> Result<Self, Error> {
        let mut items = item.list()?;
        let (kind, word) = items.next().zip(items.next()).ok_or_else(wrong)?;
        let (kind, word) = (Type::from_cbor(kind)?, word.text()?);
        let visibility = match word {
            COMMITTED if items.len() == 0 => Visibility::Committed,
            LISTED => {
                let [low, high] = items.exactly().map_err(|_| wrong())?;
                Visibility::Listed { low: low.int()?, high: high.int()? }
            }
            PACKED if items.len() == 0 => Visibility::Packed,
            _ => return Err(wrong()),
        };
        let port = Self { kind, visibility };
        if visibility == Visibility::Committed {
            return Ok(port);
        }
        let (least, most) = port.tensor()?.dtype().range().ok_or_else(wrong)?;
        match visibility {
            Visibility::Listed { low, high } if least > low || low > high || high > most => {
                Err(wrong())
            }
            _ => Ok(port),
        }
    }

    /// The type of a public port: one that is packed.
    fn tensor(&self) -> Result<&TensorType, Error> {
        let tensor = self.kind.tensor().filter(|tensor| tensor.dtype().slot_bits().is_some());
        tensor.ok_or_else(wrong)
    }
}

const COMMITTED: &str = "committed";
const LISTED: &str = "listed";
const PACKED: &str = "packed";

fn wrong() -> Error {
    let expected = r#"[type, "committed"], or of i8, i16 or i32 [type, "listed", low, high] or [type, "packed"]"#;
    Error::FieldType { what: "card", field: "port", expected }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        commitment::{Algorithm, Commitment},
        ids::Salt,
        value::Dtype,
    };

    fn port(dtype: Dtype, elements: u32, visibility: Visibility) -> Port {
        let scale = if dtype == Dtype::F32 { 0 } else { -4 };
        let kind = Type::Tensor(TensorType::new(dtype, &[1, elements], scale).unwrap());
        Port { kind, visibility }
    }

    fn read(ports: &[Cbor]) -> Result<Vec<Port>, Error> {
        let bytes = cbor::encode(&cbor::array(ports.iter().cloned()));
        Port::list_from_cbor(cbor::decode(&bytes, "card", 4096)?)
    }

    const LISTED_0_TO_9: Visibility = Visibility::Listed { low: 0, high: 9 };

    #[test]
    fn ports_read_back_and_others_are_refused() {
        let bytes =
            Port { kind: Type::bytes("text/plain").unwrap(), visibility: Visibility::Committed };
        let ports = [
            port(Dtype::F32, 2, Visibility::Committed),
            port(Dtype::I8, 2, LISTED_0_TO_9),
            port(Dtype::I32, 2, Visibility::Packed),
            bytes.clone(),
        ];
        assert_eq!(read(&ports.clone().map(|port| port.to_cbor())).unwrap(), ports);

        let listed = |low, high| port(Dtype::I8, 2, Visibility::Listed { low, high });
        let refused = [
            listed(-129, 0),
            listed(0, 128),
            listed(1, 0),
            port(Dtype::U8, 2, LISTED_0_TO_9),
            Port { visibility: Visibility::Packed, ..port(Dtype::F32, 2, Visibility::Committed) },
            Port { visibility: Visibility::Packed, ..bytes },
        ];
        let kind = ports[1].kind.to_cbor();
        let forms = [
            cbor::array([kind.clone()]),
            cbor::array([kind.clone(), cbor::text("public")]),
            cbor::array([kind.clone(), cbor::text(COMMITTED), cbor::int(0)]),
            cbor::array([kind.clone(), cbor::text(PACKED), cbor::int(0)]),
            cbor::array([kind, cbor::text(LISTED), cbor::int(0)]),
        ];
        for form in refused.map(|port| port.to_cbor()).into_iter().chain(forms) {
            assert_eq!(read(std::slice::from_ref(&form)).unwrap_err(), wrong(), "{form:?}");
        }
    }

    #[test]
    fn public_values_are_listed_in_range_or_packed() {
        let step = Name::new("head").unwrap();
        let of = |port: &Port, integers: &[i64], opened: bool| {
            let bytes = port.kind.tensor().unwrap().bytes_of(integers).unwrap();
            let salt = Salt::new([7; 31]);
            let commitment =
                Commitment::to(Algorithm::Poseidon, &port.kind, &salt, &bytes).unwrap();
            let (name, kind) = (Name::new("x").unwrap(), port.kind.clone());
            let entry = ValueEntry { name, kind, commitment };
            let elements = port.elements(&step, &entry, opened.then_some(&bytes))?;
            assert_eq!(elements.len(), port.public_inputs());
            Ok::<_, Error>(elements)
        };
        let integers = [-3, 0, 77];
        let listed = port(Dtype::I8, 3, Visibility::Listed { low: -3, high: 77 });
        assert_eq!(of(&listed, &integers, true).unwrap(), integers.map(Fr::from));
        let packed = port(Dtype::I8, 3, Visibility::Packed);
        let slots = Fr::from(125u64 + (128 << 8) + (205 << 16));
        assert_eq!(of(&packed, &integers, true).unwrap(), [slots]);
        let committed = port(Dtype::I8, 3, Visibility::Committed);
        assert_eq!(of(&committed, &integers, false).unwrap().len(), 1);
        for port in [&listed, &packed] {
            let error = of(port, &integers, false).unwrap_err();
            assert!(matches!(error, Error::PublicValueHidden { .. }), "{error}");
        }
        for found in [-4, 78] {
            let error = of(&listed, &[0, found, 0], true).unwrap_err();
            let value = Name::new("x").unwrap();
            assert_eq!(error, Error::PublicValueRange { value, low: -3, high: 77, found });
        }
        // 31 i8, 15 i16 or 7 i32 to an element.
        for (dtype, slots) in [(Dtype::I8, 31), (Dtype::I16, 15), (Dtype::I32, 7)] {
            assert_eq!(port(dtype, 2 * slots, Visibility::Packed).public_inputs(), 2);
            assert_eq!(port(dtype, 2 * slots + 1, Visibility::Packed).public_inputs(), 3);
        }
    }
}
