//! Reading numbers and pieces off the front of a slice.

use crate::{Malformed, Result};

/// What is left of a buffer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take(&mut self, size: usize, wrong: &'static str) -> Result<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(size).ok_or(Malformed(wrong))?;
        self.0 = rest;
        Ok(head)
    }

    fn array<const N: usize>(&mut self, wrong: &'static str) -> Result<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk().ok_or(Malformed(wrong))?;
        self.0 = rest;
        Ok(*head)
    }

    pub(crate) fn u8(&mut self, wrong: &'static str) -> Result<u8> {
        self.array::<1>(wrong).map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self, wrong: &'static str) -> Result<u16> {
        self.array(wrong).map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self, wrong: &'static str) -> Result<u32> {
        self.array(wrong).map(u32::from_be_bytes)
    }

    pub(crate) fn digest(&mut self, wrong: &'static str) -> Result<model::Digest> {
        self.array(wrong).map(model::Digest)
    }

    /// A 32-bit length and so many bytes, at least one.
    pub(crate) fn block(&mut self, wrong: &'static str) -> Result<&'a [u8]> {
        let size = self.u32(wrong)?;
        if size == 0 {
            return Err(Malformed(wrong));
        }
        self.take(usize::try_from(size).map_err(|_| Malformed(wrong))?, wrong)
    }
}
