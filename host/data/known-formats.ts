// Files that are no input, by their first bytes: refused by their own name, with the way to one that is.
import { BrownoutError } from '../error.js';

interface KnownFormat {
  name: string;
  /** First bytes, as Latin-1; and where they stand, if not at the start. */
  magic: string;
  at?: number;
  hint: string;
}

const PICTURE = 'Convert it: convert in.xxx out.png (ImageMagick).';
const SOUND = 'Convert it: ffmpeg -i in.xxx out.wav';
const ARRAY = 'Save the array with numpy.save("x.npy", x).';
const TABLE = 'Save it as a table: df.to_csv("x.csv", index=False).';
const IMAGE = 'Give the image first and data as the input: brownout run model.brn --input x.npy';
const MODEL = 'That is a model: compile it. An input is data, such as x.npy.';

const FORMATS: readonly KnownFormat[] = [
  { name: 'a GIF picture', magic: 'GIF8', hint: 'Convert it: convert in.gif[0] out.png (ImageMagick).' },
  { name: 'a TIFF picture', magic: 'II*\0', hint: PICTURE },
  { name: 'a TIFF picture', magic: 'MM\0*', hint: PICTURE },
  { name: 'a WebP picture', magic: 'WEBP', at: 8, hint: PICTURE },
  { name: 'a HEIF or AVIF picture, or a film', magic: 'ftyp', at: 4, hint: PICTURE },
  { name: 'an icon', magic: '\0\0\x01\0', hint: PICTURE },
  { name: 'a PDF', magic: '%PDF', hint: PICTURE },
  { name: 'a PGM picture', magic: 'P5', hint: PICTURE },
  { name: 'a PPM picture', magic: 'P6', hint: PICTURE },
  { name: 'a FLAC sound', magic: 'fLaC', hint: SOUND },
  { name: 'an Ogg sound', magic: 'OggS', hint: SOUND },
  { name: 'an MP3 sound', magic: 'ID3', hint: SOUND },
  { name: 'an MP3 sound', magic: '\xff\xfb', hint: SOUND },
  { name: 'an AIFF sound', magic: 'FORM', hint: SOUND },
  { name: 'an AU sound', magic: '.snd', hint: SOUND },
  { name: 'a WAV sound of more than 4 GB (RF64)', magic: 'RF64', hint: SOUND },
  { name: 'a big-endian WAV sound (RIFX)', magic: 'RIFX', hint: SOUND },
  { name: 'an AVI film', magic: 'AVI ', at: 8, hint: PICTURE },
  { name: 'an HDF5 file (.h5, or .mat of MATLAB 7.3)', magic: '\x89HDF', hint: ARRAY },
  {
    name: 'a MATLAB file',
    magic: 'MATLAB',
    hint: 'Save the array: numpy.save("x.npy", scipy.io.loadmat("in.mat")["x"]).',
  },
  { name: 'a Python pickle', magic: '\x80\x04\x95', hint: ARRAY },
  { name: 'a Python pickle', magic: '\x80\x05\x95', hint: ARRAY },
  { name: 'a Python pickle', magic: '\x80\x02', hint: ARRAY },
  { name: 'a Parquet table', magic: 'PAR1', hint: TABLE },
  { name: 'an Arrow table', magic: 'ARROW1', hint: TABLE },
  { name: 'an Excel table (.xls)', magic: '\xd0\xcf\x11\xe0', hint: TABLE },
  { name: 'a gzip file', magic: '\x1f\x8b', hint: 'Unpack it: gunzip FILE.gz' },
  { name: 'an xz file', magic: '\xfd7zXZ', hint: 'Unpack it: unxz FILE.xz' },
  { name: 'a zstd file', magic: '\x28\xb5\x2f\xfd', hint: 'Unpack it: unzstd FILE.zst' },
  { name: 'a 7z file', magic: '7z\xbc\xaf', hint: 'Unpack it: 7z x FILE.7z' },
  { name: 'a compiled image', magic: 'BRN1', hint: IMAGE },
  { name: 'a TensorFlow Lite model', magic: 'TFL3', at: 4, hint: MODEL },
];

/** Throws `E_INPUT_FILE` if a file is of a known format that is not read as an input. */
export function refuseKnown(bytes: Uint8Array): void {
  const start = String.fromCharCode(...bytes.subarray(0, 32));
  const format = FORMATS.find(({ magic, at = 0 }) => start.startsWith(magic, at));
  if (!format) return;
  throw new BrownoutError({
    code: 'E_INPUT_FILE',
    found: format.name,
    expected: '.npy, .npz, .csv, .wav, .png, .bmp or .jpg',
    hint: format.hint,
  });
}
