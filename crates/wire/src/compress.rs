//! Compressed messages: the size of the message within, then that message with its frame in zlib's
//! format.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::frame::{self, BODY_SIZE_MAX, Frame, HEADER_SIZE, Kind};
use crate::{Malformed, Result};

/// Bytes of the size in front of the stream.
const SIZE: usize = 8;

/// The body of the message that a compressed body holds, in `out`, which is overwritten. `out` grows
/// with what comes out, at most to the size that was announced.
pub fn unpack<'a>(body: &[u8], out: &'a mut Vec<u8>) -> Result<&'a [u8]> {
    let (size, stream) =
        body.split_first_chunk::<SIZE>().ok_or(Malformed("a compressed message without a size"))?;
    let size = u64::from_be_bytes(*size);
    if size < HEADER_SIZE as u64 || size > HEADER_SIZE as u64 + BODY_SIZE_MAX {
        return Err(Malformed("a compressed message of a size that no message has"));
    }
    out.clear();
    // One byte more would be one too many.
    let mut decoder = ZlibDecoder::new(stream).take(size + 1);
    decoder
        .read_to_end(out)
        .map_err(|_| Malformed("a compressed message that is no zlib stream"))?;
    if out.len() as u64 != size {
        return Err(Malformed("a compressed message of another size than it says"));
    }
    match Frame::parse(out)? {
        Some(frame) if frame.kind == Kind::Message && frame.size() == out.len() => {
            Ok(&out[HEADER_SIZE..])
        }
        _ => Err(Malformed("a compressed message that holds something else than one message")),
    }
}

/// Appends `message`, a whole frame, as a compressed one.
pub fn pack(message: &[u8], out: &mut Vec<u8>) {
    let start = frame::begin(out, Kind::Compressed);
    out.extend_from_slice(&(message.len() as u64).to_be_bytes());
    let mut encoder = ZlibEncoder::new(&mut *out, Compression::fast());
    let packed = encoder.write_all(message).and_then(|()| encoder.finish().map(drop));
    packed.expect("memory takes what is written to it");
    frame::end(out, start);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed(inner: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        pack(inner, &mut out);
        assert_eq!(Frame::parse(&out).unwrap().unwrap().size(), out.len());
        out.split_off(HEADER_SIZE)
    }

    fn message(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let start = frame::begin(&mut out, Kind::Message);
        out.extend_from_slice(body);
        frame::end(&mut out, start);
        out
    }

    #[test]
    fn round_trip() {
        let body = [7; 5000];
        let packed = packed(&message(&body));
        assert!(packed.len() < 200);
        assert_eq!(unpack(&packed, &mut vec![1, 2]), Ok(&body[..]));
    }

    #[test]
    fn refusals() {
        let good = packed(&message(&[7; 100]));
        let mut sizes = vec![good[..3].to_vec(), good[..good.len() - 3].to_vec()];
        for size in [0, 7, 107, 109, u64::MAX, 1 << 40] {
            let mut bad = good.clone();
            bad[..8].copy_from_slice(&size.to_be_bytes());
            sizes.push(bad);
        }
        let mut info = message(&[7; 100]);
        info[1] = 1;
        sizes.push(packed(&info));
        sizes.push(packed(&message(&[7; 100])[..60]));
        let mut torn = good.clone();
        torn[9] ^= 0xff;
        sizes.push(torn);
        for bad in sizes {
            assert!(unpack(&bad, &mut Vec::new()).is_err(), "{bad:?}");
        }
    }
}
