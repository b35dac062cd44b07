//! Random values, and octets with damage that is hard for parsers: cut, extended, flipped, spliced, with wrong lengths.
//! What is done with it is in `targets`.

use clock::{Entropy, SeededEntropy};

/// The random input of one case, determined by seed and number.
#[derive(Debug)]
pub(crate) struct Material(SeededEntropy);

impl Material {
    pub(crate) fn new(seed: u64, case: u64) -> Self {
        // Mixed, so that neighbouring cases and seeds get independent values.
        Self(SeededEntropy::new(seed.wrapping_mul(0xd134_2543_de82_ef95) ^ case.wrapping_mul(0xff51_afd7_ed55_8ccd)))
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &self.0
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        self.entropy().bytes()
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.array())
    }

    /// From 0 to below `limit`; 0 if `limit` is 0.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.u64() % limit).unwrap_or(0)
    }

    pub(crate) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[self.below(choices.len())]
    }

    /// Small, large and border values, not only the middle of the range.
    pub(crate) fn amount(&mut self) -> u64 {
        let bits = self.below(65);
        let value = self.u64();
        match self.below(8) {
            0 => u64::MAX,
            1 => 0,
            _ => value.checked_shr(u32::try_from(bits).unwrap_or(0)).unwrap_or(1),
        }
    }

    pub(crate) fn octets(&mut self, most: usize) -> Vec<u8> {
        let mut octets = vec![0; self.below(most + 1)];
        self.entropy().fill(&mut octets);
        octets
    }

    /// `octets`, unchanged or damaged a few times.
    pub(crate) fn damaged(&mut self, mut octets: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.below(4) {
            self.damage(&mut octets);
        }
        octets
    }

    fn damage(&mut self, octets: &mut Vec<u8>) {
        let at = self.below(octets.len());
        match self.below(7) {
            0 => octets.truncate(at),
            1 => {
                let extra = self.octets(20);
                octets.extend_from_slice(&extra);
            }
            2 if !octets.is_empty() => octets[at] ^= 1 << self.below(8),
            3 if !octets.is_empty() => {
                octets[at] = *self.pick(&[0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x88, 0xff]);
            }
            4 if !octets.is_empty() => {
                octets.remove(at);
            }
            5 => octets.insert(at, self.array::<1>()[0]),
            _ => {
                let length = self.below(octets.len() - at + 1);
                let piece = octets[at..at + length].to_vec();
                let to = self.below(octets.len() + 1);
                octets.splice(to..to, piece);
            }
        }
    }
}
