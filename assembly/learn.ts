// The device module of images that learn, or keep state from job to job: what every device module exports, and the way back
// to how the image began.
export * from './index';
export { restore } from './job';
