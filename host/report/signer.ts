/** Who has signed an image, as people read it. Whose key that is, only they can know. */
export const signerText = (signedBy: string | undefined): string =>
  signedBy === undefined ? 'image: not signed' : `image: signed by ${signedBy}`;
