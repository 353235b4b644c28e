//! Poseidon over the BLS12-381 scalar field: the hash that circuits can afford (FORMAT.md §2.4).

use std::sync::LazyLock;

use ark_bls12_381::Fr;
use ark_crypto_primitives::sponge::{
    CryptographicSponge as _, FieldBasedCryptographicSponge as _,
    poseidon::{PoseidonConfig, PoseidonSponge, find_poseidon_ark_and_mds},
};
use ark_ff::{BigInteger as _, PrimeField as _};

use crate::{
    Error,
    ids::{Salt, first_31, tagged_sha256},
    value::{TensorType, Type},
    work::{Work, does},
};

/// Full rounds.
pub const FULL_ROUNDS: usize = 8;
/// Partial rounds.
pub const PARTIAL_ROUNDS: usize = 57;
/// State size: one capacity element and two of rate.
pub const WIDTH: usize = 3;
/// Bits of a packed field element that slots fill: 31 bytes, so no packing reaches the order.
pub const PACKED_BITS: u32 = 248;

/// Round constants and matrix of hadeshash instance `poseidonperm_x5_255_3`.
pub fn parameters() -> &'static PoseidonConfig<Fr> {
    static PARAMETERS: LazyLock<PoseidonConfig<Fr>> = LazyLock::new(|| {
        let (ark, mds) = find_poseidon_ark_and_mds::<Fr>(255, 2, 8, 57, 0);
        PoseidonConfig::new(FULL_ROUNDS, PARTIAL_ROUNDS, 5, mds, ark, 2, 1)
    });
    &PARAMETERS
}

/// The sponge's first capacity element for values of `tensor`: the first 31 bytes, big-endian, of
/// SHA-256("assay/poseidon/1" ‖ type descriptor).
pub fn domain(tensor: &TensorType) -> Fr {
    let descriptor = Type::Tensor(tensor.clone()).descriptor();
    element(&first_31(tagged_sha256("assay/poseidon/1", &descriptor)))
}

/// A salt as a field element (big-endian; 31 bytes are always below the order).
pub fn salt_element(salt: &Salt) -> Fr {
    element(salt.as_bytes())
}

fn element(bytes: &[u8; 31]) -> Fr {
    Fr::from_be_bytes_mod_order(bytes)
}

/// How many slots of `bits` bits a packed field element has.
pub fn slots_per_element(bits: u32) -> usize {
    usize::try_from(PACKED_BITS.checked_div(bits).unwrap_or(0)).expect("248 fits a usize")
}

/// Packs a value: element `x` becomes `x + 2^(b-1)` in `b` bits, `⌊248/b⌋` to a field element, the
/// first lowest, unused slots zero. FORMAT.md §2.5. Errors: a type that is not i8, i16 or i32.
pub fn pack(tensor: &TensorType, bytes: &[u8]) -> Result<Vec<Fr>, Error> {
    let Some(bits) = tensor.dtype().slot_bits() else {
        return Err(Error::CommitmentType { found: tensor.to_string() });
    };
    let (low, _) = tensor.dtype().range().expect("packed types are integers");
    let width = tensor.dtype().width();
    let slots = slots_per_element(bits);
    let mut integers = tensor.iterate(bytes)?.peekable();
    let mut elements = Vec::with_capacity(tensor.elements().div_ceil(slots.max(1)));
    let mut packed = Vec::new();
    while integers.peek().is_some() {
        packed.clear();
        for integer in integers.by_ref().take(slots) {
            packed.extend(integer.saturating_sub(low).to_le_bytes().iter().take(width));
        }
        elements.push(Fr::from_le_bytes_mod_order(&packed));
    }
    Ok(elements)
}

/// Commitment to a tensor: the sponge starts as (domain, 0, 0), absorbs the salt and the packed
/// elements, and gives its first rate element. FORMAT.md §2.4.
pub fn commit(tensor: &TensorType, salt: &Salt, bytes: &[u8]) -> Result<Fr, Error> {
    let mut input = pack(tensor, bytes)?;
    input.insert(0, salt_element(salt));
    does(Work::Permutation, input.len().div_ceil(2));
    let mut sponge = PoseidonSponge::new(parameters());
    set_state(&mut sponge, [domain(tensor), Fr::from(0u64), Fr::from(0u64)]);
    sponge.absorb(&input);
    let out = sponge.squeeze_native_field_elements(1);
    Ok(out.first().copied().expect("one element was asked for"))
}

/// One permutation of a state.
pub fn permute(state: [Fr; WIDTH]) -> [Fr; WIDTH] {
    let mut sponge = PoseidonSponge::new(parameters());
    set_state(&mut sponge, state);
    let _ = sponge.squeeze_native_field_elements(1);
    sponge.state.as_slice().try_into().expect("the state has three elements")
}

fn set_state(sponge: &mut PoseidonSponge<Fr>, state: [Fr; WIDTH]) {
    sponge.state = state.to_vec();
}

/// A field element as 32 bytes, big-endian. FORMAT.md §1.4.
pub fn to_bytes(element: &Fr) -> [u8; 32] {
    let bytes = element.into_bigint().to_bytes_be();
    bytes.as_slice().try_into().expect("the field has 32 bytes")
}

/// Reads a field element; `None` unless the number is below the order: never reduced.
pub fn from_bytes(bytes: &[u8; 32]) -> Option<Fr> {
    let element = Fr::from_be_bytes_mod_order(bytes);
    (to_bytes(&element) == *bytes).then_some(element)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Dtype;

    fn hex_element(text: &str) -> Fr {
        from_bytes(&hex::decode(text).unwrap().try_into().unwrap()).unwrap()
    }

    /// hadeshash, `code/test_vectors.txt`, `poseidonperm_x5_255_3` (written by the paper's authors).
    #[test]
    fn the_permutation_is_the_published_one() {
        let out = permute([Fr::from(0u64), Fr::from(1u64), Fr::from(2u64)]);
        assert_eq!(
            out,
            [
                hex_element("28ce19420fc246a05553ad1e8c98f5c9d67166be2c18e9e4cb4b4e317dd2a78a"),
                hex_element("51f3e312c95343a896cfd8945ea82ba956c1118ce9b9859b6ea56637b4b1ddc4"),
                hex_element("3b2b69139b235626a0bfb56c9527ae66a7bf486ad8c11c14d1da0c69bbe0f79a"),
            ]
        );
    }

    #[test]
    fn the_sponge_is_permutations_of_the_absorbed_pairs() {
        let salt = Salt::new([9; 31]);
        // 31 slots fill one element: salt and one element make one permutation, and so on.
        for elements in [1u32, 31, 32, 62, 63, 93, 94] {
            let tensor = TensorType::new(Dtype::I8, &[elements], 0).unwrap();
            let bytes: Vec<u8> = (0..elements).map(|i| (i * 7 % 256) as u8).collect();
            let mut absorbed = vec![salt_element(&salt)];
            absorbed.extend(pack(&tensor, &bytes).unwrap());
            let mut state = [domain(&tensor), Fr::from(0u64), Fr::from(0u64)];
            for pair in absorbed.chunks(2) {
                state[1] += pair[0];
                state[2] += pair.get(1).copied().unwrap_or_default();
                state = permute(state);
            }
            assert_eq!(commit(&tensor, &salt, &bytes).unwrap(), state[1], "{elements}");
        }
    }

    #[test]
    fn packing_puts_the_first_element_lowest_and_offsets_it() {
        let tensor = TensorType::new(Dtype::I16, &[17], 0).unwrap();
        let mut integers = vec![0i64; 17];
        integers[0] = -0x8000;
        integers[1] = 5;
        integers[15] = -0x8000;
        integers[16] = 0x7fff;
        let packed = pack(&tensor, &tensor.bytes_of(&integers).unwrap()).unwrap();
        assert_eq!(packed.len(), 2);
        assert_eq!(packed[1], Fr::from(0xffffu64) * Fr::from(1u64 << 16));
        let one = to_bytes(&packed[0]);
        // Big-endian: the last two bytes are slot 0, zero after the offset.
        assert_eq!(one[30..], [0, 0]);
        assert_eq!(one[28..30], [0x80, 5]);
        assert_eq!(one[..4], [0, 0, 0x80, 0]);
    }

    #[test]
    fn elements_at_or_above_the_order_are_refused() {
        let order = hex::decode("73eda753299d7d483339d80809a1d80553bda402fffe5bfeffffffff00000001")
            .unwrap();
        let order: [u8; 32] = order.try_into().unwrap();
        assert_eq!(from_bytes(&order), None);
        let mut below = order;
        below[31] = 0;
        assert_eq!(to_bytes(&from_bytes(&below).unwrap()), below);
        assert_eq!(from_bytes(&[0xff; 32]), None);
    }
}
