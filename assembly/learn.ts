// The device module of images that learn, or keep state from job to job: what every device module exports, and the way back
// to how the image began, of all or of one class.
export * from './index';
export { forget, restore } from './job';
