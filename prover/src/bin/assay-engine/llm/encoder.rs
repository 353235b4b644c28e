//! An encoder of the BERT type: a TorchScript module that takes token numbers and a mask, and gives a state for each token.

use std::io::Cursor;

use tch::{CModule, Device, IValue, Kind, TchError, Tensor};

use super::decoder::reals;

/// An encoder.
pub(super) struct Encoder {
    module: CModule,
    device: Device,
    hidden: i64,
}

impl Encoder {
    pub(super) fn new(archive: &[u8], device: Device, hidden: u32) -> Result<Self, TchError> {
        let mut module = CModule::load_data_on_device(&mut Cursor::new(archive), device)?;
        module.f_set_eval()?;
        Ok(Self { module, device, hidden: hidden.into() })
    }

    /// The sum of the states of all tokens of a text.
    pub(super) fn sum(&self, tokens: &[u32]) -> Result<Vec<f32>, TchError> {
        let ids: Vec<i64> = tokens.iter().copied().map(i64::from).collect();
        let ids = Tensor::f_from_slice(&ids)?.f_unsqueeze(0)?.f_to_device(self.device)?;
        let mask = ids.f_ones_like()?;
        let inputs = [IValue::Tensor(ids), IValue::Tensor(mask)];
        // A tuple's first is the last layer's states.
        let states = match self.module.forward_is(&inputs)? {
            IValue::Tensor(states) => states,
            IValue::Tuple(members) => match members.into_iter().next() {
                Some(IValue::Tensor(states)) => states,
                _ => return Err(TchError::Kind("the module gives no tensor first".to_owned())),
            },
            _ => return Err(TchError::Kind("the module gives no tensor".to_owned())),
        };
        let expected = [1, i64::try_from(tokens.len()).unwrap_or(0), self.hidden];
        if states.size() != expected {
            let why = format!("the module gives shape {:?}, expected {expected:?}", states.size());
            return Err(TchError::Kind(why));
        }
        reals(&states.f_sum_dim_intlist([0, 1].as_slice(), false, Kind::Float)?)
    }
}
