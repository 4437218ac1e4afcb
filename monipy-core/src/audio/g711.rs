//! G.711 (ITU-T G.711): mu-law and A-law by table, and encoding by segment search.

/// What mu-law octet `i` stands for (16-bit linear, the recommendation's 14-bit values times 4).
pub const MULAW_TO_LINEAR: [i16; 256] = mulaw_table();
/// What A-law octet `i` stands for (16-bit linear, the recommendation's 13-bit values times 8).
pub const ALAW_TO_LINEAR: [i16; 256] = alaw_table();

/// An octet of mu-law silence.
pub const MULAW_SILENCE: u8 = 0xff;
/// An octet of A-law silence (the smallest positive value; A-law has no zero).
pub const ALAW_SILENCE: u8 = 0xd5;

const fn mulaw_table() -> [i16; 256] {
    let mut table = [0i16; 256];
    let mut i = 0;
    while i < 256 {
        let u = !(i as u8);
        let segment = (u >> 4) & 7;
        let magnitude = ((((u & 0x0f) as i32) << 3) + 0x84) << segment;
        let value = magnitude - 0x84;
        table[i] = if u & 0x80 != 0 { -value as i16 } else { value as i16 };
        i += 1;
    }
    table
}

const fn alaw_table() -> [i16; 256] {
    let mut table = [0i16; 256];
    let mut i = 0;
    while i < 256 {
        let a = (i as u8) ^ 0x55;
        let segment = (a >> 4) & 7;
        let step = ((a & 0x0f) as i32) << 4;
        let value = match segment {
            0 => step + 8,
            1 => step + 0x108,
            s => (step + 0x108) << (s - 1),
        };
        table[i] = if a & 0x80 != 0 { value as i16 } else { -value as i16 };
        i += 1;
    }
    table
}

/// The mu-law octet nearest to a linear sample.
#[must_use]
pub fn linear_to_mulaw(sample: i16) -> u8 {
    let negative = sample < 0;
    // 32635 is the greatest magnitude whose biased value fits into 15 bits.
    let biased = (i32::from(sample).abs().min(32_635)) + 0x84;
    // The bias makes bit 7 the lowest leading bit: its position is the segment.
    let segment = (31 - biased.leading_zeros()).saturating_sub(7).min(7);
    let mantissa = (biased >> (segment + 3)) & 0x0f;
    let octet = ((segment as u8) << 4) | mantissa as u8;
    !(octet | if negative { 0x80 } else { 0 })
}

/// The A-law octet nearest to a linear sample.
#[must_use]
pub fn linear_to_alaw(sample: i16) -> u8 {
    let negative = sample < 0;
    // One's complement for negative numbers, as the recommendation's own tables have it.
    let magnitude = if negative { !i32::from(sample) } else { i32::from(sample) };
    let octet = if magnitude < 256 {
        (magnitude >> 4) as u8
    } else {
        let segment = 31 - magnitude.leading_zeros() - 7;
        ((segment as u8) << 4) | ((magnitude >> (segment + 3)) & 0x0f) as u8
    };
    (octet | if negative { 0 } else { 0x80 }) ^ 0x55
}
