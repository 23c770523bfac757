//! The smallest files of a kind.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// One red pixel, as a PNG in base64.
pub(crate) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mP4z8AAAAMBAQD3A0FDAAAAAElFTkSuQmCC";

/// Eight samples of silence, as a WAV file in base64: PCM, one channel, 8000 of 8 bits a second.
pub(crate) fn silence() -> String {
    const SAMPLES: [u8; 8] = [0x80; 8];
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).to_le_bytes();
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend(length(36 + SAMPLES.len()));
    file.extend(b"WAVEfmt ");
    file.extend(length(16));
    file.extend([1, 0, 1, 0]);
    file.extend(8000u32.to_le_bytes());
    file.extend(8000u32.to_le_bytes());
    file.extend([1, 0, 8, 0]);
    file.extend(b"data");
    file.extend(length(SAMPLES.len()));
    file.extend(SAMPLES);
    STANDARD.encode(file)
}
