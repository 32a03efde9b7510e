// The device module of images that learn: what every device module exports, and the way back to the factory's weights.
export * from './index';
export { restore } from './job';
